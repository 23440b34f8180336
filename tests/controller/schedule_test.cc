#include "controller/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace bpa::controller {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<size_t> StartAll(Schedule& schedule) {
  std::vector<size_t> started;
  while (const std::optional<size_t> next = schedule.Next()) started.push_back(*next);
  return started;
}

TEST(ScheduleTest, StartsAsManyAsTheConcurrencyAllowsInOrder) {
  Schedule schedule(5, /*concurrency=*/2, /*batch=*/0, /*max_failures=*/-1);
  EXPECT_THAT(StartAll(schedule), ElementsAre(0, 1));
  schedule.Ended(/*failed=*/false);
  EXPECT_THAT(StartAll(schedule), ElementsAre(2));
  schedule.Ended(false);
  schedule.Ended(false);
  EXPECT_THAT(StartAll(schedule), ElementsAre(3, 4));
  schedule.Ended(false);
  schedule.Ended(false);
  EXPECT_THAT(StartAll(schedule), IsEmpty());
  EXPECT_EQ(schedule.under_way(), 0);
}

TEST(ScheduleTest, ABatchEndsBeforeTheNextBegins) {
  Schedule schedule(5, 32, /*batch=*/2, -1);
  EXPECT_THAT(StartAll(schedule), ElementsAre(0, 1));
  schedule.Ended(false);
  EXPECT_THAT(StartAll(schedule), IsEmpty());
  schedule.Ended(false);
  EXPECT_THAT(StartAll(schedule), ElementsAre(2, 3));
  schedule.Ended(false);
  schedule.Ended(false);
  EXPECT_THAT(StartAll(schedule), ElementsAre(4));
}

TEST(ScheduleTest, MoreThanMaxFailuresStopIt) {
  Schedule schedule(5, 1, 0, /*max_failures=*/1);
  EXPECT_THAT(StartAll(schedule), ElementsAre(0));
  schedule.Ended(/*failed=*/true);
  EXPECT_THAT(StartAll(schedule), ElementsAre(1));
  schedule.Ended(/*failed=*/true);
  EXPECT_THAT(StartAll(schedule), IsEmpty());
}

TEST(ScheduleTest, StoppingLeavesWhatIsUnderWay) {
  Schedule schedule(3, 2, 0, -1);
  EXPECT_THAT(StartAll(schedule), ElementsAre(0, 1));
  schedule.Stop();
  schedule.Ended(false);
  EXPECT_THAT(StartAll(schedule), IsEmpty());
  EXPECT_EQ(schedule.under_way(), 1);
}

TEST(ScheduleTest, NothingToStartIsNoError) {
  Schedule schedule(0, 1, 0, -1);
  EXPECT_THAT(StartAll(schedule), IsEmpty());
}

}  // namespace
}  // namespace bpa::controller

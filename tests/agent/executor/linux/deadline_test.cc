#include "agent/executor/linux/deadline.h"

#include <gtest/gtest.h>

#include <memory>

#include "absl/synchronization/notification.h"

namespace bpa::executor {
namespace {

TEST(DeadlineTest, HandsOverTheResult) {
  EXPECT_EQ(WithDeadline<int>(absl::Minutes(1), "it", [] { return 7; }).value(), 7);
  EXPECT_EQ(WithDeadline<int>(absl::Minutes(1), "it",
                              [] { return absl::StatusOr<int>(absl::DataLossError("x")); })
                .status()
                .code(),
            absl::StatusCode::kDataLoss);
}

TEST(DeadlineTest, GivesUpOnWorkThatHangsAndOutlivesItsLateEnd) {
  const auto release = std::make_shared<absl::Notification>();
  const auto ended = std::make_shared<absl::Notification>();
  const absl::StatusOr<int> result =
      WithDeadline<int>(absl::Milliseconds(20), "/dev/stuck", [release, ended] {
        release->WaitForNotification();
        ended->Notify();
        return 7;
      });
  EXPECT_EQ(result.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(result.status().message().find("/dev/stuck did not answer within 20ms"), 0U)
      << result.status();
  release->Notify();
  ended->WaitForNotification();
}

}  // namespace
}  // namespace bpa::executor

#include "agent/gateway/command_counts.h"

#include <gtest/gtest.h>

#include "agent/gateway/request.h"

namespace bpa::gateway {
namespace {

v1::Ended Ended(v1::Mode mode, v1::Outcome outcome,
                v1::RefusalReason refusal = v1::REFUSAL_REASON_UNSPECIFIED) {
  v1::Ended ended;
  ended.set_mode(mode);
  ended.set_outcome(outcome);
  ended.set_refusal(refusal);
  return ended;
}

TEST(CommandCountsTest, CountsByModeAndResultAndRefusalsByReason) {
  CommandCounts counts;
  counts.Count(Ended(v1::MODE_APPLY, v1::OUTCOME_SUCCEEDED));
  counts.Count(Ended(v1::MODE_APPLY, v1::OUTCOME_SUCCEEDED));
  counts.Count(Ended(v1::MODE_PLAN, v1::OUTCOME_FAILED));
  counts.Count(Ended(v1::MODE_APPLY, v1::OUTCOME_UNSPECIFIED, v1::REFUSAL_REASON_CLOCK));
  const CommandCounts::Values values = counts.values();
  EXPECT_EQ(values.ended[v1::MODE_APPLY][v1::OUTCOME_SUCCEEDED], 2u);
  EXPECT_EQ(values.ended[v1::MODE_PLAN][v1::OUTCOME_FAILED], 1u);
  EXPECT_EQ(values.ended[v1::MODE_APPLY][v1::OUTCOME_UNSPECIFIED], 0u);
  EXPECT_EQ(values.refused[v1::REFUSAL_REASON_CLOCK], 1u);
}

TEST(CommandCountsTest, LeavesOutACommandThatOnlyGotItsReportAgain) {
  CommandCounts counts;
  v1::Ended again = Ended(v1::MODE_APPLY, v1::OUTCOME_UNSPECIFIED);
  again.set_again(true);
  counts.Count(again);
  EXPECT_EQ(counts.values().ended[v1::MODE_APPLY][v1::OUTCOME_UNSPECIFIED], 0u);
}

TEST(CommandCountsTest, TakesWhatItDoesNotKnowForUnspecified) {
  CommandCounts counts;
  counts.Count(Ended(static_cast<v1::Mode>(1000), static_cast<v1::Outcome>(-7)));
  counts.Count(Ended(v1::MODE_PLAN, v1::OUTCOME_FAILED, static_cast<v1::RefusalReason>(1 << 20)));
  EXPECT_EQ(counts.values().ended[0][0], 1u);
  EXPECT_EQ(counts.values().refused[0], 1u);
}

TEST(CommandCountsTest, TakesTheExecutorsFrameAndNotesIt) {
  CommandCounts counts;
  RequestNotes notes;
  EXPECT_TRUE(NoteEnded("\xff not a message", counts, notes));
  EXPECT_FALSE(notes.ended.has_value());
  EXPECT_TRUE(
      NoteEnded(Ended(v1::MODE_VERIFY, v1::OUTCOME_SUCCEEDED).SerializeAsString(), counts, notes));
  EXPECT_EQ(notes.ended->mode(), v1::MODE_VERIFY);
  EXPECT_EQ(counts.values().ended[v1::MODE_VERIFY][v1::OUTCOME_SUCCEEDED], 1u);
}

}  // namespace
}  // namespace bpa::gateway

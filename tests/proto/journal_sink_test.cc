#include "proto/journal_sink.h"

#include <memory>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "spdlog/sinks/ostream_sink.h"
#include "tests/journal_receiver.h"
#include "tests/temporary_directory.h"

namespace bpa {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

v1::Ended Applied() {
  v1::Ended ended;
  ended.set_mode(v1::MODE_APPLY);
  ended.set_outcome(v1::OUTCOME_SUCCEEDED);
  ended.set_command_id("01920000-0000-7000-8000-000000000001");
  ended.set_operator_name("alice@bastion");
  ended.add_signers("alice");
  ended.add_signers("bob");
  return ended;
}

class JournalSinkTest : public ::testing::Test {
 protected:
  const testing::TemporaryDirectory directory_;
  const testing::JournalReceiver journal_{directory_.File("socket")};
  spdlog::logger log_{
      "test", std::make_shared<JournalSink>(LogOrigin{.program = "bpa-executor", .node = "node-1"},
                                            journal_.path())};
};

TEST_F(JournalSinkTest, SaysOfACommandWhoDidWhatWhereAndHowItEnded) {
  LogEvent event = CommandEvent(Applied());
  event.message = "the line";
  Log(log_, event);
  EXPECT_THAT(journal_.Next(),
              ElementsAre(Pair("BPA_COMMAND_ID", "01920000-0000-7000-8000-000000000001"),
                          Pair("BPA_MODE", "apply"), Pair("BPA_NODE", "node-1"),
                          Pair("BPA_OPERATOR", "alice@bastion"), Pair("BPA_RESULT", "succeeded"),
                          Pair("BPA_SIGNERS", "alice,bob"), Pair("MESSAGE", "the line"),
                          Pair("MESSAGE_ID", std::string(kCommandEndedId)), Pair("PRIORITY", "5"),
                          Pair("SYSLOG_IDENTIFIER", "bpa-executor")));
  EXPECT_THAT(journal_.Next(), IsEmpty());
}

TEST_F(JournalSinkTest, TellsARefusalByItsReason) {
  v1::Ended refused;
  refused.set_refusal(v1::REFUSAL_REASON_SIGNATURE);
  Log(log_, CommandEvent(refused));
  const auto fields = journal_.Next();
  EXPECT_EQ(fields.at("BPA_RESULT"), "refused");
  EXPECT_EQ(fields.at("BPA_REFUSAL"), "signature");
  EXPECT_EQ(fields.at("MESSAGE_ID"), kCommandRefusedId);
  EXPECT_EQ(fields.at("PRIORITY"), "4");
  EXPECT_EQ(fields.count("BPA_OPERATOR"), 0u);
}

TEST_F(JournalSinkTest, NothingThatOthersChooseForgesAFieldOrALine) {
  v1::Ended ended = Applied();
  ended.set_operator_name("eve\nBPA_RESULT=refused\n<0>forged \x1b[31m");
  ended.set_command_id("id\nMESSAGE=forged");
  Log(log_, CommandEvent(ended));
  const auto fields = journal_.Next();
  EXPECT_EQ(fields.at("BPA_OPERATOR"), "eve\\nBPA_RESULT=refused\\n<0>forged \\033[31m");
  EXPECT_EQ(fields.at("BPA_COMMAND_ID"), "id\\nMESSAGE=forged");
  EXPECT_EQ(fields.at("BPA_RESULT"), "succeeded");
  EXPECT_EQ(fields.at("MESSAGE"), "");
}

TEST_F(JournalSinkTest, HasPrioritiesThatMeanSomething) {
  const auto priority = [&](v1::Mode mode, v1::Outcome outcome, v1::RefusalReason refusal) {
    v1::Ended ended;
    ended.set_mode(mode);
    ended.set_outcome(outcome);
    ended.set_refusal(refusal);
    return static_cast<int>(CommandEvent(ended).severity);
  };
  const v1::RefusalReason none = v1::REFUSAL_REASON_UNSPECIFIED;
  const v1::Outcome nothing = v1::OUTCOME_UNSPECIFIED;
  EXPECT_EQ(priority(v1::MODE_PLAN, v1::OUTCOME_SUCCEEDED, none), 6);
  EXPECT_EQ(priority(v1::MODE_APPLY, v1::OUTCOME_SUCCEEDED, none), 5);
  EXPECT_EQ(priority(v1::MODE_APPLY, v1::OUTCOME_FAILED, none), 4);
  EXPECT_EQ(priority(v1::MODE_APPLY, v1::OUTCOME_INTERRUPTED, none), 4);
  EXPECT_EQ(priority(v1::MODE_APPLY, nothing, v1::REFUSAL_REASON_CLOCK), 4);
  EXPECT_EQ(priority(v1::MODE_APPLY, nothing, v1::REFUSAL_REASON_NODE), 3);
  v1::Ended again = Applied();
  again.set_again(true);
  EXPECT_EQ(static_cast<int>(CommandEvent(again).severity), 6);
  EXPECT_EQ(ResultName(again), "again");
}

TEST_F(JournalSinkTest, TakesTheLogsOtherLinesWithTheirLevels) {
  log_.info("serving");
  log_.warn("hm");
  log_.error("broken");
  const auto first = journal_.Next();
  EXPECT_EQ(first.at("MESSAGE"), "serving");
  EXPECT_EQ(first.at("PRIORITY"), "6");
  EXPECT_EQ(first.at("BPA_NODE"), "node-1");
  EXPECT_EQ(first.count("MESSAGE_ID"), 0u);
  EXPECT_EQ(journal_.Next().at("PRIORITY"), "4");
  EXPECT_EQ(journal_.Next().at("PRIORITY"), "3");
}

TEST(LogTest, IsALineOfTextWhereThereIsNoJournal) {
  std::ostringstream text;
  spdlog::logger log("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text));
  log.set_pattern("%l %v");
  LogEvent event = CommandEvent(Applied());
  event.message = "the line";
  Log(log, event);
  EXPECT_EQ(text.str(), "info the line\n");
}

TEST(LogTest, GoesToStandardErrorWhenTheJournalDoesNotTakeIt) {
  const testing::TemporaryDirectory directory;
  spdlog::logger log("test", std::make_shared<JournalSink>(LogOrigin{.program = "x", .node = "y"},
                                                           directory.File("nothing")));
  ::testing::internal::CaptureStderr();
  log.warn("hm");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "<4>hm\n");
}

}  // namespace
}  // namespace bpa

#include "controller/journal_lines.h"

#include "gmock/gmock.h"
#include "proto/log_event.h"
#include "tests/controller/results.h"
#include "tests/journal_receiver.h"
#include "tests/temporary_directory.h"

namespace bpa::controller {
namespace {

using ::testing::HasSubstr;

v1::Command Apply() {
  v1::Command command;
  command.set_id("018bcfe5-6880-7000-8000-000000000001");
  command.set_mode(v1::MODE_APPLY);
  command.set_operator_name("alice@bastion");
  return command;
}

TEST(JournalLinesTest, TellsOneLineANodeWithTheFieldsOfTheNodesOwn) {
  const testing::TemporaryDirectory directory;
  const testing::JournalReceiver journal(directory.File("socket"));
  TellJournal(Apply(),
              {Reported("node-1", v1::MODE_APPLY, {}),
               NotReported("node-2", NodeState::kRefused,
                           absl::FailedPreconditionError("expired\nBPA_RESULT=succeeded")),
               NotReported("node-3", NodeState::kUnreachable, absl::UnavailableError("no answer")),
               NotReported("node-4", NodeState::kNotSent, absl::OkStatus())},
              journal.path());
  auto fields = journal.Next();
  EXPECT_EQ(fields.at("BPA_COMMAND_ID"), Apply().id());
  EXPECT_EQ(fields.at("BPA_OPERATOR"), "alice@bastion");
  EXPECT_EQ(fields.at("BPA_SIGNERS"), "bastion");
  EXPECT_EQ(fields.at("BPA_MODE"), "apply");
  EXPECT_EQ(fields.at("BPA_NODE"), "node-1");
  EXPECT_EQ(fields.at("BPA_RESULT"), "succeeded");
  EXPECT_EQ(fields.at("PRIORITY"), "5");
  EXPECT_EQ(fields.at("SYSLOG_IDENTIFIER"), "bpactl");
  EXPECT_EQ(fields.at("MESSAGE_ID"), kCommandEndedId);

  fields = journal.Next();
  EXPECT_EQ(fields.at("BPA_NODE"), "node-2");
  EXPECT_EQ(fields.at("BPA_RESULT"), "refused");
  EXPECT_EQ(fields.at("MESSAGE_ID"), kCommandRefusedId);
  EXPECT_EQ(fields.at("PRIORITY"), "4");
  EXPECT_THAT(fields.at("MESSAGE"), HasSubstr("message=expired\\nBPA_RESULT=succeeded"));
  EXPECT_EQ(journal.Next().at("BPA_RESULT"), "unreachable");
  EXPECT_EQ(journal.Next().at("BPA_RESULT"), "not sent");
  EXPECT_TRUE(journal.Next().empty());
}

}  // namespace
}  // namespace bpa::controller

// The history, from the verbs that make it to the verbs that show it.
#include "controller/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "controller/history/evidence.h"
#include "controller/history/history_index.h"
#include "controller/node_record.h"
#include "controller/table.h"
#include "proto/sqlite.h"
#include "tests/controller/fake_node.h"
#include "tests/controller/run_bpactl.h"
#include "tests/controller/terminal.h"

namespace bpa::controller {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class HistoryTest : public testing::Test {
 protected:
  Ran Do(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--home", fleet_.home().path()});
    return Bpactl(arguments);
  }
  json Listed(std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.begin(), {"history", "--output", "json"});
    const Ran ran = Do(arguments);
    EXPECT_EQ(ran.exit_code, kExitConverged) << ran.err;
    return json::parse(ran.out)["commands"];
  }
  std::string NewestId() { return CommandIds(fleet_.home(), "").front(); }
  std::string Kept(const std::string& id, const std::string& file) {
    return absl::StrCat(fleet_.home().CommandDirectory(id), "/", file);
  }
  std::string IndexPath() { return fleet_.home().path() + "/history.db"; }
  void RemoveIndex() {
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(IndexPath() + suffix);
  }
  void Refuse(size_t node) {
    fleet_[node].Behave([](FakeNode&, const FakeCall&) {
      return grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "policy says no");
    });
  }

  FakeFleet fleet_{2};
};

TEST_F(HistoryTest, HoldsEveryCommandWithWhoWhyAndWhatBecameOfEachNode) {
  Refuse(1);
  Do({"plan", "--operator", "alice@desk", "--reason", "CHG-7"});
  const json commands = Listed();
  ASSERT_THAT(commands, SizeIs(1));
  EXPECT_EQ(commands[0]["verb"], "plan");
  EXPECT_EQ(commands[0]["mode"], "plan");
  EXPECT_EQ(commands[0]["operator"], "alice@desk");
  EXPECT_EQ(commands[0]["reason"], "CHG-7");
  EXPECT_EQ(commands[0]["signers"], json::parse(R"(["bastion"])"));
  EXPECT_EQ(commands[0]["result"], "refused");
  EXPECT_EQ(commands[0]["exit_code"], kExitRefused);
  const json& nodes = commands[0]["nodes"];
  ASSERT_THAT(nodes, SizeIs(2));
  EXPECT_EQ(nodes[0]["state"], "reported");
  EXPECT_EQ(nodes[0]["outcome"], "succeeded");
  EXPECT_EQ(nodes[0]["counts"]["would_change"], 1);
  EXPECT_EQ(nodes[1]["state"], "refused");
  EXPECT_EQ(nodes[1]["code"], "PERMISSION_DENIED");
  EXPECT_EQ(nodes[1]["message"], "policy says no");
}

TEST_F(HistoryTest, ListsTheNewestFirstAndFindsByEachFilter) {
  Do({"plan", "--operator", "alice@desk"});
  Do({"verify", "node-2", "--operator", "bob"});
  Do({"sysctl", "--yes", "node-1", "--operator", "alice"});
  const json all = Listed();
  ASSERT_THAT(all, SizeIs(3));
  EXPECT_EQ(all[0]["verb"], "sysctl");
  EXPECT_EQ(all[0]["mode"], "apply");
  EXPECT_EQ(all[2]["verb"], "plan");
  EXPECT_THAT(Listed({"--operator", "alice"}), SizeIs(2));
  EXPECT_THAT(Listed({"--operator", "alice@desk"}), SizeIs(1));
  EXPECT_THAT(Listed({"--node", "node-2"}), SizeIs(2));
  EXPECT_THAT(Listed({"--mode", "apply"}), SizeIs(1));
  EXPECT_THAT(Listed({"--verb", "verify"}), SizeIs(1));
  EXPECT_THAT(Listed({"--limit", "2"}), SizeIs(2));
  EXPECT_THAT(Listed({"--since", "1h"}), SizeIs(3));
  EXPECT_THAT(Listed({"--until", "1h"}), IsEmpty());
  EXPECT_THAT(Listed({"--since", "2999-01-01"}), IsEmpty());
  EXPECT_THAT(Do({"history", "--since", "yesterday"}).err, HasSubstr("'yesterday' is no moment"));
}

TEST_F(HistoryTest, AnApplyThatIsAskedAboutIsTwoCommands) {
  setenv("TERM", "xterm", 1);
  OnTerminal terminal({BPA_BPACTL, "--home", fleet_.home().path(), "apply"});
  ASSERT_TRUE(terminal.Await("[yes/no] "));
  terminal.Type("yes\n");
  EXPECT_EQ(terminal.Wait(), kExitConverged);
  const json commands = Listed();
  ASSERT_THAT(commands, SizeIs(2));
  EXPECT_EQ(commands[0]["mode"], "apply");
  EXPECT_EQ(commands[1]["mode"], "plan");
  EXPECT_EQ(commands[1]["verb"], "apply");
  EXPECT_THAT(Do({"show", commands[0]["id"]}).out,
              HasSubstr(absl::StrCat("bound to ", commands[1]["id"].get<std::string>())));
}

TEST_F(HistoryTest, ACommandWrittenToAFileIsThereAndIsCompletedWhenItIsSent) {
  const std::string file = fleet_.scratch() / "cmd.dsse";
  Do({"apply", "--write", file});
  ASSERT_THAT(Listed(), SizeIs(1));
  EXPECT_EQ(Listed()[0]["result"], "not sent");
  EXPECT_EQ(Do({"apply", "--yes", "--signed", file}).exit_code, kExitConverged);
  const json commands = Listed();
  ASSERT_THAT(commands, SizeIs(1));
  EXPECT_EQ(commands[0]["result"], "converged");
  EXPECT_EQ(commands[0]["verb"], "apply --signed");
}

TEST_F(HistoryTest, AKilledBpactlLeavesAnUnfinishedCommandThatSendingAgainCompletes) {
  std::atomic<bool> hang = true;
  fleet_[1].Behave([&](FakeNode& node, const FakeCall& call) {
    while (hang && !call.context->IsCancelled()) absl::SleepFor(absl::Milliseconds(10));
    return Answer(node, call);
  });
  const pid_t bpactl = fork();
  if (bpactl == 0) {
    execl(BPA_BPACTL, "bpactl", "--home", fleet_.home().path().c_str(), "apply", "--yes", nullptr);
    _exit(127);
  }
  while (CommandIds(fleet_.home(), "").empty() ||
         !std::filesystem::exists(Kept(NewestId(), "node-1.report.dsse"))) {
    absl::SleepFor(absl::Milliseconds(10));
  }
  kill(bpactl, SIGKILL);
  waitpid(bpactl, nullptr, 0);
  hang = false;
  const std::string id = NewestId();
  EXPECT_EQ(Listed()[0]["result"], "unfinished");
  const Ran shown = Do({"show", id});
  EXPECT_EQ(shown.exit_code, kExitConverged) << "what is kept proves itself";
  EXPECT_THAT(shown.out, AllOf(HasSubstr("unfinished"), HasSubstr("sent, no answer seen"),
                               HasSubstr("apply --signed " + Kept(id, "command.dsse"))));
  EXPECT_EQ(Do({"apply", "--yes", "--signed", Kept(id, "command.dsse")}).exit_code, kExitConverged);
  EXPECT_EQ(Listed()[0]["result"], "converged");
  EXPECT_EQ(Listed()[0]["sendings"], 2);
  EXPECT_THAT(Do({"show", id}).out, Not(HasSubstr("unfinished")));
}

TEST_F(HistoryTest, ShowTellsAllAndTakesTheBeginningOfAnId) {
  Do({"apply", "--yes", "--reason", "CHG-9"});
  const std::string id = NewestId();
  const Ran shown = Do({"show", id.substr(0, 18)});
  EXPECT_EQ(shown.exit_code, kExitConverged);
  EXPECT_THAT(shown.out,
              AllOf(HasSubstr("Command    " + id), HasSubstr("Reason     CHG-9"),
                    HasSubstr("Signed by  bastion: verified (key "), HasSubstr("converged"),
                    HasSubstr("node-2  bpa-node-1"), HasSubstr("succeeded  verified  ok=0"),
                    HasSubstr("directory /opt/bpa/data/kafka1"), HasSubstr("0755 -> 0777")));
  const json document = json::parse(Do({"show", "--output", "json", id}).out);
  EXPECT_EQ(document["signatures"][0]["verified"], true);
  EXPECT_EQ(document["reports"][0]["report"]["resources"][0]["changes"][0]["before"], "0755");
  EXPECT_THAT(document["problems"], IsEmpty());
}

TEST_F(HistoryTest, ShowSaysWhichCommandsAPrefixCouldMean) {
  EXPECT_THAT(Do({"show", "0"}).err, HasSubstr("no command in"));
  Do({"plan"});
  Do({"plan"});
  EXPECT_THAT(Do({"show", "0"}).err, AllOf(HasSubstr("2 commands begin"), HasSubstr(NewestId())));
  EXPECT_THAT(Do({"show", "../x"}).err, HasSubstr("is not the beginning of a command's id"));
}

TEST_F(HistoryTest, ShowNamesEachFileThatWasChanged) {
  Do({"apply", "--yes"});
  const std::string id = NewestId();
  const std::string report = Kept(id, "node-1.report.dsse");
  WriteFile(report, absl::StrReplaceAll(ReadFile(report), {{"0777", "0770"}}));
  const Ran shown = Do({"show", id});
  EXPECT_EQ(shown.exit_code, kExitFailed);
  EXPECT_THAT(shown.out,
              AllOf(HasSubstr("NOT VERIFIED"), HasSubstr(report + ": "), Not(HasSubstr("0770"))));

  const std::string command = Kept(id, "command.dsse");
  const std::string whole = ReadFile(command);
  WriteFile(command, absl::StrReplaceAll(whole, {{"bpa-node-1", "bpa-node-4"}}));
  EXPECT_THAT(Do({"show", id}).out, HasSubstr(command + ": the signature by bastion"));
  WriteFile(command, whole.substr(0, 40));
  EXPECT_EQ(Do({"show", id}).exit_code, kExitFailed);
  std::filesystem::remove(command);
  EXPECT_THAT(Do({"show", id}).out, AllOf(HasSubstr(command + ": "), HasSubstr("No such file")));
}

TEST_F(HistoryTest, ReportsStayVerifiedWhenTheirNodeIsEnrolledAnewAndGetsAnotherKey) {
  Do({"apply", "--yes"});
  const std::string before = NewestId();
  const NodeRecord record(fleet_.home(), "node-1");
  const PublicKey first = **record.ReadReportKey();
  ASSERT_TRUE(record.PinReportKey(PrivateKey::GenerateEd25519()->public_key(), true).ok());
  const Ran shown = Do({"show", before});
  EXPECT_EQ(shown.exit_code, kExitConverged);
  EXPECT_THAT(shown.out, Not(HasSubstr("NOT VERIFIED")));
  // What the old key signs from now on is not the node's.
  EXPECT_EQ(Do({"apply", "--yes", "node-1"}).exit_code, kExitFailed);
  EXPECT_THAT(Do({"show", NewestId()}).out, Not(HasSubstr("directory /opt")));
  ASSERT_TRUE(record.PinReportKey(first, true).ok());
  EXPECT_THAT(Do({"show", before}).out, Not(HasSubstr("NOT VERIFIED"))) << "and pinned again";
}

TEST_F(HistoryTest, ASignerOfAnotherDeskIsKnownByItsKeyInTheHome) {
  const PrivateKey key = *PrivateKey::GenerateEd25519();
  WriteFile(fleet_.scratch() / "carol.key", key.ToPem());
  const std::string file = fleet_.scratch() / "cmd.dsse";
  Do({"apply", "--write", file});
  ASSERT_EQ(Do({"sign", file, "--yes", "--key", fleet_.scratch() / "carol.key"}).exit_code, 0);
  Do({"apply", "--yes", "--signed", file});
  const std::string id = NewestId();
  EXPECT_THAT(Do({"show", id}).out,
              AllOf(HasSubstr("bastion: verified"), HasSubstr("this key is not known here")));
  std::filesystem::create_directory(fleet_.home().path() + "/trusted-signers.d");
  WriteFile(fleet_.home().path() + "/trusted-signers.d/carol.pem", key.public_key().ToPem());
  EXPECT_THAT(Do({"show", id}).out, HasSubstr("carol: verified"));
}

TEST_F(HistoryTest, ANodeCannotMoveTheCursorFromTheHistory) {
  fleet_[0].Behave([](FakeNode&, const FakeCall&) {
    return grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "no\x1b[2J\rno");
  });
  Do({"plan", "--reason", "plain"});
  EXPECT_THAT(Do({"show", NewestId()}).out,
              AllOf(HasSubstr("no\\x1b[2J\\x0dno"), Not(HasSubstr("\x1b"))));
}

TEST_F(HistoryTest, FitsATerminal) {
  Do({"plan", "--reason", std::string(200, 'x'), "--operator", "a.rather.long.name@bastion-1"});
  OnTerminal terminal({BPA_BPACTL, "--home", fleet_.home().path(), "history"});
  EXPECT_EQ(terminal.Wait(), kExitConverged);
  EXPECT_THAT(terminal.screen(), HasSubstr("xxx…"));
  EXPECT_THAT(terminal.screen(), Not(HasSubstr(std::string(60, 'x'))));
}

class HistoryIndexTest : public HistoryTest {};

TEST_F(HistoryIndexTest, IsMadeAgainFromWhatIsKeptAndLosesNothing) {
  Refuse(1);
  Do({"plan", "--reason", "one"});
  Do({"apply", "--yes", "--reason", "two"});
  const json before = Listed();
  RemoveIndex();
  EXPECT_EQ(Listed(), before);
  const Ran rebuilt = Do({"history", "--rebuild"});
  EXPECT_EQ(rebuilt.exit_code, kExitConverged);
  EXPECT_THAT(rebuilt.err, HasSubstr("2 commands"));
  EXPECT_EQ(Listed(), before);
}

TEST_F(HistoryIndexTest, DamagedItHindersNoCommandAndSaysHowToMendIt) {
  Do({"plan"});
  RemoveIndex();
  WriteFile(IndexPath(), std::string(20'000, 'x'));
  const Ran listed = Do({"history"});
  EXPECT_EQ(listed.exit_code, kExitUsage);
  EXPECT_THAT(listed.err, AllOf(HasSubstr("damaged"), HasSubstr("history --rebuild")));
  const Ran applied = Do({"apply", "--yes"});
  EXPECT_EQ(applied.exit_code, kExitConverged);
  EXPECT_THAT(applied.err, AllOf(HasSubstr("warning: "), HasSubstr("is recorded in")));
  EXPECT_EQ(Do({"show", NewestId()}).exit_code, kExitConverged);
  EXPECT_EQ(Do({"history", "--rebuild"}).exit_code, kExitConverged);
  EXPECT_THAT(Listed(), SizeIs(2));
  EXPECT_EQ(ReadFile(IndexPath() + ".old"), std::string(20'000, 'x'));
}

TEST_F(HistoryIndexTest, OfANewerBpactlHindersNoCommandAndIsNotTouched) {
  Do({"plan"});
  ASSERT_TRUE(SqliteDatabase::Open(IndexPath())->Execute("PRAGMA user_version = 2").ok());
  const std::string untouched = ReadFile(IndexPath());
  EXPECT_THAT(Do({"history"}).err, AllOf(HasSubstr("newer bpactl (version 2; this one knows 1)"),
                                         HasSubstr("use that one")));
  const Ran applied = Do({"verify"});
  EXPECT_EQ(applied.exit_code, kExitDifferences);
  EXPECT_THAT(applied.err, HasSubstr("newer bpactl"));
  EXPECT_EQ(ReadFile(IndexPath()), untouched);
  EXPECT_EQ(std::filesystem::file_size(IndexPath() + "-wal"), 0u);
  // The newer one finds what was done meanwhile.
  ASSERT_TRUE(SqliteDatabase::Open(IndexPath())->Execute("PRAGMA user_version = 1").ok());
  EXPECT_THAT(Listed(), SizeIs(2));
}

TEST_F(HistoryIndexTest, WithoutRoomNothingIsSent) {
  // As on a full disk: no file takes a byte.
  const pid_t bpactl = fork();
  if (bpactl == 0) {
    const rlimit none{.rlim_cur = 0, .rlim_max = 0};
    setrlimit(RLIMIT_FSIZE, &none);
    signal(SIGXFSZ, SIG_IGN);
    execl(BPA_BPACTL, "bpactl", "--home", fleet_.home().path().c_str(), "apply", "--yes", nullptr);
    _exit(127);
  }
  int status = 0;
  waitpid(bpactl, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), kExitUsage);
  EXPECT_THAT(fleet_.contacted(), IsEmpty());
}

TEST_F(HistoryIndexTest, SeveralBpactlAtOnceAllFindTheirPlace) {
  // The first ones make the index, all at once.
  EXPECT_EQ(Shell(absl::StrCat("for i in 1 2 3 4 5 6 7 8; do ", BPA_BPACTL, " --home ",
                               fleet_.home().path(), " plan 2>", fleet_.scratch() / "err",
                               "-$i & done; wait")),
            0);
  for (int i = 1; i <= 8; ++i) {
    EXPECT_THAT(ReadFile(absl::StrCat(fleet_.scratch() / "err-", i)), Not(HasSubstr("warning")));
  }
  absl::StatusOr<std::unique_ptr<HistoryIndex>> index = HistoryIndex::Open(fleet_.home());
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_EQ((*index)->List({})->size(), 8u);
  EXPECT_EQ(*(*index)->CatchUp(), 0) << "nothing was missing";
}

TEST_F(HistoryIndexTest, KnowsCommandsOfABpactlThatKeptNoLog) {
  Do({"apply", "--yes", "--reason", "before the log"});
  RemoveIndex();
  std::filesystem::remove(Kept(NewestId(), "run.jsonl"));
  const json commands = Listed();
  ASSERT_THAT(commands, SizeIs(1));
  EXPECT_EQ(commands[0]["reason"], "before the log");
  EXPECT_EQ(commands[0]["result"], "converged");
}

TEST(ParseMomentTest, TakesDatesTimesAndHowLongAgo) {
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  EXPECT_EQ(*ParseMoment("2023-11-14", now), absl::FromUnixSeconds(1'699'920'000));
  EXPECT_EQ(*ParseMoment("2023-11-14T22:13:20Z", now), now);
  EXPECT_EQ(*ParseMoment("2023-11-14T23:13:20+01:00", now), now);
  EXPECT_EQ(*ParseMoment("90m", now), now - absl::Minutes(90));
  EXPECT_EQ(*ParseMoment("7d", now), now - absl::Hours(168));
  EXPECT_FALSE(ParseMoment("7 days", now).ok());
}

TEST(TableTest, CountsCharactersAndCutsTheEnd) {
  const std::vector<TableRow> rows = {{{"NAME", "TEXT"}}, {{"käse", "1234567890"}}};
  EXPECT_EQ(RenderTable(rows, 0, false), "NAME  TEXT\nkäse  1234567890\n");
  EXPECT_EQ(RenderTable(rows, 10, false), "NAME  TEXT\nkäse  123…\n");
  EXPECT_EQ(RenderTable({{{"A"}}, {{"x\ny\x1b"}}}, 0, false), "A\nx y\\x1b\n");
}

}  // namespace
}  // namespace bpa::controller

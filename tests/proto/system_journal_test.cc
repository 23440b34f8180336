#include "proto/system_journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/journal_receiver.h"
#include "tests/temporary_directory.h"

namespace bpa {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(SystemJournalTest, EncodesAsTheProtocolSays) {
  EXPECT_EQ(EncodeJournalRecord({{"MESSAGE", "plain"}, {"PRIORITY", "6"}}),
            "MESSAGE=plain\nPRIORITY=6\n");
  EXPECT_EQ(EncodeJournalRecord({{"MESSAGE", "two\nlines"}}),
            std::string("MESSAGE\n\x09\0\0\0\0\0\0\0two\nlines\n", 26));
}

TEST(SystemJournalTest, ReachesARealSocketWithEveryFieldAsItWas) {
  const testing::TemporaryDirectory directory;
  const testing::JournalReceiver journal(directory.File("socket"));
  ASSERT_TRUE(SendToJournal(
      journal.path(),
      {{"MESSAGE", "a = b"}, {"BPA_OPERATOR", "eve\nBPA_RESULT=succeeded\n"}, {"BPA_NODE", ""}}));
  EXPECT_THAT(journal.Next(),
              ElementsAre(Pair("BPA_NODE", ""), Pair("BPA_OPERATOR", "eve\nBPA_RESULT=succeeded\n"),
                          Pair("MESSAGE", "a = b")));
}

TEST(SystemJournalTest, CutsLongValues) {
  const auto fields =
      testing::JournalReceiver::Parse(EncodeJournalRecord({{"MESSAGE", std::string(9000, 'x')}}));
  EXPECT_EQ(fields.at("MESSAGE").size(), 4096u);
}

TEST(SystemJournalTest, SaysWhenNobodyTakesIt) {
  const testing::TemporaryDirectory directory;
  EXPECT_FALSE(SendToJournal(directory.File("nothing"), {{"MESSAGE", "lost"}}));
  EXPECT_FALSE(SendToJournal(std::string(200, 'x'), {{"MESSAGE", "lost"}}));
}

TEST(SystemJournalTest, DoesNotWaitForAJournalThatIsStuck) {
  const testing::TemporaryDirectory directory;
  const testing::JournalReceiver journal(directory.File("socket"));
  // The receiver reads nothing: some time the socket's queue is full.
  bool taken = true;
  for (int i = 0; i < 100'000 && taken; ++i) {
    taken = SendToJournal(journal.path(), {{"MESSAGE", std::string(4000, 'x')}});
  }
  EXPECT_FALSE(taken);
}

// In a child, whose standard error it is.
int CheckStandardError(const std::string& path) {
  const int fd = open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  struct stat info;
  if (fd < 0 || dup2(fd, STDERR_FILENO) < 0 || fstat(fd, &info) != 0) return 2;
  unsetenv("JOURNAL_STREAM");
  if (StandardErrorIsTheJournal()) return 3;
  setenv("JOURNAL_STREAM", absl::StrCat(info.st_dev, ":", info.st_ino + 1).c_str(), 1);
  if (StandardErrorIsTheJournal()) return 4;
  setenv("JOURNAL_STREAM", absl::StrCat(info.st_dev, ":", info.st_ino).c_str(), 1);
  return StandardErrorIsTheJournal() ? 0 : 5;
}

TEST(SystemJournalTest, KnowsTheJournalByTheDeviceAndInodeOfItsStream) {
  const testing::TemporaryDirectory directory;
  const pid_t child = fork();
  if (child == 0) _exit(CheckStandardError(directory.File("stream")));
  int result = -1;
  ASSERT_EQ(waitpid(child, &result, 0), child);
  EXPECT_EQ(WEXITSTATUS(result), 0);
}

}  // namespace
}  // namespace bpa

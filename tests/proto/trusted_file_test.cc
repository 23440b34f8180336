#include "proto/trusted_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/status_matchers.h"
#include "tests/temporary_directory.h"

namespace bpa {
namespace {

using ::bpa::testing::IsOk;
using ::bpa::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr size_t kLimit = 64;

class TrustedFileTest : public ::testing::Test {
 protected:
  static std::string Contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  static mode_t ModeOf(const std::string& path) {
    struct stat info {};
    EXPECT_EQ(stat(path.c_str(), &info), 0);
    return info.st_mode & 07777;
  }
  size_t FileCount() const {
    return static_cast<size_t>(
        std::distance(std::filesystem::directory_iterator(directory_.path()), {}));
  }

  testing::TemporaryDirectory directory_;
};

TEST_F(TrustedFileTest, TellsWhetherAnythingIsAtAPath) {
  EXPECT_TRUE(PathExists(directory_.Write("file", "", 0600)).value());
  EXPECT_TRUE(PathExists(directory_.path()).value());
  EXPECT_FALSE(PathExists(directory_.path() + "/missing").value());
  EXPECT_FALSE(PathExists(directory_.path() + "/file/below").value());
  const std::string link = directory_.path() + "/link";
  ASSERT_EQ(symlink("missing", link.c_str()), 0);
  EXPECT_TRUE(PathExists(link).value());
}

TEST_F(TrustedFileTest, DoesNotTakeAPathThatCannotBeLookedAtForAbsent) {
  const std::string path = directory_.path() + "/" + std::string(300, 'n');
  EXPECT_THAT(PathExists(path), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("lstat")));
}

TEST_F(TrustedFileTest, ReadsAFileThatOnlyItsOwnerMayWrite) {
  for (const mode_t mode : {0644, 0600, 0444, 0755}) {
    const std::string path = directory_.Write("file", "contents", mode);
    EXPECT_EQ(ReadTrustedFile(path, kLimit, FileSecrecy::kPublic).value(), "contents");
    ASSERT_EQ(unlink(path.c_str()), 0);
  }
}

TEST_F(TrustedFileTest, ReadsASecretThatOnlyOwnerAndGroupMayRead) {
  for (const mode_t mode : {0600, 0400, 0640, 0440}) {
    const std::string path = directory_.Write("file", "secret", mode);
    EXPECT_EQ(ReadTrustedFile(path, kLimit, FileSecrecy::kSecret).value(), "secret");
    ASSERT_EQ(unlink(path.c_str()), 0);
  }
}

TEST_F(TrustedFileTest, RefusesAFileThatGroupOrWorldMayWriteAndSaysHowToMendIt) {
  for (const mode_t mode : {0664, 0646, 0666, 0620}) {
    const std::string path = directory_.Write("file", "contents", mode);
    for (const FileSecrecy secrecy : {FileSecrecy::kPublic, FileSecrecy::kSecret}) {
      EXPECT_THAT(ReadTrustedFile(path, kLimit, secrecy),
                  StatusIs(absl::StatusCode::kFailedPrecondition,
                           AllOf(HasSubstr("(mode 06"), HasSubstr("chmod go-w " + path))));
    }
  }
}

TEST_F(TrustedFileTest, RefusesASecretThatTheWorldMayRead) {
  const std::string path = directory_.Write("file", "secret", 0644);
  EXPECT_THAT(ReadTrustedFile(path, kLimit, FileSecrecy::kSecret),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("(mode 0644)"), HasSubstr("chmod o= " + path))));
}

TEST_F(TrustedFileTest, RefusesAFileOfAnotherUser) {
  ASSERT_EQ(geteuid(), 0u) << "only root can give a file away: run the tests as root";
  const std::string path = directory_.Write("file", "contents");
  ASSERT_EQ(chown(path.c_str(), 12345, static_cast<gid_t>(-1)), 0);
  EXPECT_THAT(ReadTrustedFile(path, kLimit, FileSecrecy::kPublic),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("uid 12345"), HasSubstr("chown 0 " + path))));
}

TEST_F(TrustedFileTest, JudgesTheFileThatALinkLeadsTo) {
  const std::string target = directory_.Write("target", "contents", 0666);
  const std::string link = directory_.File("link");
  ASSERT_EQ(symlink(target.c_str(), link.c_str()), 0);
  EXPECT_THAT(ReadTrustedFile(link, kLimit, FileSecrecy::kPublic),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("mode 0666")));
  ASSERT_EQ(chmod(target.c_str(), 0644), 0);
  EXPECT_EQ(ReadTrustedFile(link, kLimit, FileSecrecy::kPublic).value(), "contents");
}

TEST_F(TrustedFileTest, RefusesWhatIsNotARegularFileWithoutWaiting) {
  EXPECT_THAT(ReadTrustedFile(directory_.path(), kLimit, FileSecrecy::kPublic),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not a regular file")));
  const std::string fifo = directory_.File("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_THAT(ReadTrustedFile(fifo, kLimit, FileSecrecy::kPublic),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not a regular file")));
}

TEST_F(TrustedFileTest, ReadsUpToTheLimitAndNoFurther) {
  const std::string at = directory_.Write("at", std::string(kLimit, 'x'));
  EXPECT_EQ(ReadTrustedFile(at, kLimit, FileSecrecy::kPublic)->size(), kLimit);
  const std::string over = directory_.Write("over", std::string(kLimit + 1, 'x'));
  EXPECT_THAT(ReadTrustedFile(over, kLimit, FileSecrecy::kPublic),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       AllOf(HasSubstr(over), HasSubstr("64 bytes"))));
  const std::string far_over = directory_.Write("far_over", std::string(1 << 20, 'x'));
  EXPECT_FALSE(ReadTrustedFile(far_over, kLimit, FileSecrecy::kPublic).ok());
}

TEST_F(TrustedFileTest, SaysWhichFileDoesNotExist) {
  const std::string path = directory_.File("missing");
  EXPECT_THAT(ReadTrustedFile(path, kLimit, FileSecrecy::kPublic),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("open " + path)));
}

TEST_F(TrustedFileTest, TranslatesErrnoWithCallAndPath) {
  EXPECT_THAT(ErrnoStatus(EACCES, "open", "/etc/fstab"),
              StatusIs(absl::StatusCode::kPermissionDenied, "open /etc/fstab: Permission denied"));
}

TEST_F(TrustedFileTest, WritesANewFileWithExactlyTheModeAsked) {
  const mode_t before = umask(0077);
  const std::string path = directory_.File("new");
  EXPECT_THAT(WriteFileDurably(path, "contents", 0644), IsOk());
  umask(before);
  EXPECT_EQ(Contents(path), "contents");
  EXPECT_EQ(ModeOf(path), 0644u);
  EXPECT_EQ(FileCount(), 1u);
}

TEST_F(TrustedFileTest, ReplacesAFileWhole) {
  const std::string path = directory_.Write("file", "a much longer text than the new one", 0666);
  EXPECT_THAT(WriteFileDurably(path, "new", 0600), IsOk());
  EXPECT_EQ(Contents(path), "new");
  EXPECT_EQ(ModeOf(path), 0600u);
  EXPECT_EQ(FileCount(), 1u);
}

TEST_F(TrustedFileTest, ReplacesALinkAndNotWhatItLeadsTo) {
  const std::string target = directory_.Write("target", "old");
  const std::string link = directory_.File("link");
  ASSERT_EQ(symlink(target.c_str(), link.c_str()), 0);
  EXPECT_THAT(WriteFileDurably(link, "new", 0600), IsOk());
  EXPECT_EQ(Contents(target), "old");
  EXPECT_EQ(Contents(link), "new");
}

TEST_F(TrustedFileTest, LeavesNothingBehindWhenItCannotWrite) {
  const std::string path = directory_.File("taken");
  ASSERT_EQ(mkdir(path.c_str(), 0700), 0);
  EXPECT_THAT(WriteFileDurably(path, "contents", 0600),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("rename " + path)));
  EXPECT_EQ(FileCount(), 1u);
  EXPECT_THAT(WriteFileDurably(directory_.File("missing/file"), "contents", 0600),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("missing")));
  EXPECT_THAT(WriteFileDurably(directory_.path() + "/", "contents", 0600),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a file name")));
}

}  // namespace
}  // namespace bpa

#include "agent/executor/linux/paths.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "tests/agent/executor/linux/machine.h"

namespace bpa::executor {
namespace {

TEST(PathsTest, RefusesPathsThatAreNotAbsoluteAndNormal) {
  const std::string nul("/tmp/a\0b", 8);
  for (const std::string& path :
       {std::string(), std::string("tmp"), std::string("./tmp"), std::string("/tmp/"),
        std::string("//tmp"), std::string("/tmp//x"), std::string("/tmp/."),
        std::string("/tmp/../etc"), std::string("/.."), nul, "/" + std::string(4096, 'x')}) {
    EXPECT_THAT(OpenPath(path, O_PATH),
                FailsWith(absl::StatusCode::kInvalidArgument, "is not an absolute path"))
        << path;
  }
}

TEST(PathsTest, OpensTheRootAndWhatIsBelow) {
  EXPECT_THAT(OpenPath("/", O_PATH), IsOk());
  EXPECT_THAT(OpenPath("/proc/sys/vm", O_PATH), IsOk());
}

TEST(PathsTest, NamesTheComponentThatIsALink) {
  const Scratch scratch;
  ASSERT_EQ(mkdir((scratch / "real").c_str(), 0755), 0);
  ASSERT_EQ(symlink("real", (scratch / "link").c_str()), 0);
  ASSERT_EQ(symlink("nowhere", (scratch / "dangling").c_str()), 0);
  EXPECT_THAT(
      OpenPath(scratch / "link/below/deep", O_PATH),
      FailsWith(absl::StatusCode::kFailedPrecondition, scratch / "link is a symbolic link"));
  EXPECT_THAT(OpenPath(scratch / "link", O_PATH), FailsWith(absl::StatusCode::kFailedPrecondition,
                                                            scratch / "link is a symbolic link"));
  EXPECT_THAT(
      OpenPath(scratch / "dangling/x", O_PATH),
      FailsWith(absl::StatusCode::kFailedPrecondition, scratch / "dangling is a symbolic link"));
}

TEST(PathsTest, FollowsNoMagicLink) {
  EXPECT_THAT(OpenPath("/proc/self/root/tmp", O_PATH),
              FailsWith(absl::StatusCode::kFailedPrecondition, "symbolic link"));
}

TEST(PathsTest, SaysNotFoundForWhatIsNotThere) {
  const Scratch scratch;
  EXPECT_THAT(OpenPath(scratch / "no/such", O_PATH),
              FailsWith(absl::StatusCode::kNotFound, scratch / "no/such"));
  EXPECT_THAT(OpenParent("/"), FailsWith(absl::StatusCode::kInvalidArgument, "no parent"));
}

TEST(PathsTest, DoesNotLeaveTheDirectoryItIsGiven) {
  const Scratch scratch;
  WriteFile(scratch / "secret", "x");
  ASSERT_EQ(mkdir((scratch / "top").c_str(), 0755), 0);
  absl::StatusOr<FileDescriptor> top = OpenPath(scratch / "top", O_RDONLY | O_DIRECTORY);
  ASSERT_THAT(top, IsOk());
  EXPECT_FALSE(OpenBelow(top->get(), "../secret", O_RDONLY, "secret").ok());
  EXPECT_FALSE(OpenBelow(top->get(), "/etc/passwd", O_RDONLY, "passwd").ok());
}

TEST(PathsTest, EntersNoMountBelow) {
  const Scratch scratch;
  ASSERT_EQ(mkdir((scratch / "mounted").c_str(), 0755), 0);
  const TestMount mount("tmpfs", scratch / "mounted", "tmpfs");
  absl::StatusOr<FileDescriptor> top = OpenPath(scratch.path(), O_RDONLY | O_DIRECTORY);
  ASSERT_THAT(top, IsOk());
  EXPECT_THAT(OpenBelow(top->get(), "mounted", O_PATH, "the place"),
              FailsWith(absl::StatusCode::kFailedPrecondition, "the place: it is a mount point"));
}

TEST(PathsTest, ClosesADescriptorOnceAndOnlyOnce) {
  absl::StatusOr<FileDescriptor> first = OpenPath("/", O_PATH);
  ASSERT_THAT(first, IsOk());
  const int number = first->get();
  FileDescriptor second = *std::move(first);
  EXPECT_EQ(second.get(), number);
  second.Close();
  EXPECT_FALSE(second.valid());
  EXPECT_EQ(fcntl(number, F_GETFD), -1);
}

TEST(PathsTest, OpensEverythingCloseOnExec) {
  absl::StatusOr<FileDescriptor> fd = OpenPath("/etc", O_RDONLY | O_DIRECTORY);
  ASSERT_THAT(fd, IsOk());
  EXPECT_EQ(fcntl(fd->get(), F_GETFD), FD_CLOEXEC);
}

TEST(PathsTest, ReadsUpToTheLimitAndNotOver) {
  const Scratch scratch;
  WriteFile(scratch / "file", "12345");
  absl::StatusOr<FileDescriptor> fd = OpenPath(scratch / "file", O_RDONLY);
  ASSERT_THAT(fd, IsOk());
  EXPECT_EQ(ReadDescriptor(fd->get(), 5, "file").value(), "12345");
  ASSERT_EQ(lseek(fd->get(), 0, SEEK_SET), 0);
  EXPECT_THAT(ReadDescriptor(fd->get(), 4, "file"),
              FailsWith(absl::StatusCode::kResourceExhausted, "longer than 4"));
}

TEST(PathsTest, GivesUpALockAfterAWhile) {
  const Scratch scratch;
  WriteFile(scratch / "file", "");
  absl::StatusOr<FileDescriptor> mine = OpenPath(scratch / "file", O_RDONLY);
  absl::StatusOr<FileDescriptor> other = OpenPath(scratch / "file", O_RDONLY);
  ASSERT_THAT(mine, IsOk());
  ASSERT_THAT(other, IsOk());
  ASSERT_THAT(LockDescriptor(other->get(), LOCK_EX, "the file"), IsOk());
  EXPECT_THAT(LockDescriptor(mine->get(), LOCK_SH, "the file"),
              FailsWith(absl::StatusCode::kUnavailable, "the file has been locked"));
  other->Close();
  EXPECT_THAT(LockDescriptor(mine->get(), LOCK_SH, "the file"), IsOk());
}

}  // namespace
}  // namespace bpa::executor

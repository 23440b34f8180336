// LinuxHost::PreviewMigration and MigrateTree.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/executor/linux_host.h"
#include "tests/agent/executor/linux/machine.h"

namespace bpa::executor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint64_t kMiB = 1 << 20;
// Of this file alone: the kernel mounts no XFS twice, and the tests run side by side.
constexpr const char* kUuid = "0f9fd8f3-6dd2-4b3c-9f4e-0a6a2b1c3d03";

class MigrateTest : public testing::TestWithParam<Filesystem> {
 protected:
  MigrateTest() : disk_(320 * kMiB), source_(scratch_ / "opt"), volume_(scratch_ / "volume") {
    for (const std::string& path : {source_, volume_}) EXPECT_EQ(mkdir(path.c_str(), 0755), 0);
    EXPECT_THAT(host_.Format(disk_.disk(), GetParam(), kUuid, false), IsOk());
  }

  absl::StatusOr<Migration> Preview() {
    return host_.PreviewMigration(source_, disk_.disk(), GetParam());
  }
  // Afterwards the disk is free again.
  absl::StatusOr<Migration> Migrate() {
    absl::StatusOr<Migration> done = host_.MigrateTree(source_, disk_.disk(), GetParam());
    if (done.ok()) done->active = nullptr;
    return done;
  }
  // Runs a command line in the volume's root.
  void OnVolume(const std::string& command_line) {
    const TestMount mount(disk_.node(), volume_, std::string(FilesystemName(GetParam())));
    Shell("cd " + volume_ + " && " + command_line);
  }
  void InSource(const std::string& command_line) { Shell("cd " + source_ + " && " + command_line); }
  // Names, types, modes, owners, times, link counts, targets, devices, contents, xattrs (without
  // the second names under which XFS lists ACLs).
  static std::string Listing(const std::string& top) {
    const std::string out = top + ".listing";
    Shell("cd " + top +
          " && { find . -mindepth 1 -path ./lost+found -prune -o -mindepth 1 -printf "
          "'%P %y %m %U %G %n %T@ %l\\n' | sort; find . -type f -exec sha256sum {} + | sort -k2; "
          "find . -mindepth 1 -path ./lost+found -prune -o -print0 | sort -z | xargs -0 getfattr "
          "-h -d -m - 2>/dev/null | grep -v SGI_ACL; find . \\( -type c -o -type b \\) -exec stat "
          "-c '%n %t %T' {} + ;"
          " } > " +
          out);
    std::string listing = ReadAll(out);
    unlink(out.c_str());
    return listing;
  }
  void ExpectSameTrees() {
    const std::string here = Listing(source_);
    const TestMount mount(disk_.node(), volume_, std::string(FilesystemName(GetParam())));
    EXPECT_EQ(Listing(volume_), here);
  }
  void MakeRichTree();

  LoopDisk disk_;
  Scratch scratch_;
  std::string source_;
  std::string volume_;
  LinuxHost host_;
};

void MigrateTest::MakeRichTree() {
  InSource(
      "mkdir -p cni/bin 'odd names/tab\there' empty && chmod 1777 empty && "
      "echo plugin > cni/bin/aws-cni && chmod 4755 cni/bin/aws-cni && "
      "printf '\\001\\377' > 'odd names/-rf *' && : > \"$(printf 'new\\nline')\" && "
      "ln cni/bin/aws-cni cni/bin/loopback && ln cni/bin/aws-cni another && "
      "ln -s cni/bin/aws-cni link && ln -s /nowhere/at/all dangling && mkfifo fifo && "
      "mknod null c 1 3 && dd if=/dev/zero of=sparse bs=1 count=1 seek=80M 2>/dev/null && "
      "dd if=/dev/urandom of=big bs=1M count=3 2>/dev/null && chown -h 5:6 link && "
      "chown 1000:1001 big 'odd names' && setfattr -n user.note -v hello big && "
      "setfattr -n trusted.secret -v deep cni && setfacl -m u:1234:rx cni/bin && "
      "setfacl -d -m g:99:rwx empty && touch -d '2001-02-03 04:05:06.789012345' big link -h && "
      "touch -d '1999-09-09 09:09:09.999999999' cni/bin cni 'odd names'");
}

TEST_P(MigrateTest, KeepsTheFilesystemActiveForTheMountThatFollows) {
  InSource("echo x > file");
  absl::StatusOr<Migration> done = host_.MigrateTree(source_, disk_.disk(), GetParam());
  ASSERT_THAT(done, IsOk());
  EXPECT_NE(done->active, nullptr);
  {
    const TestMount mount(disk_.node(), volume_, std::string(FilesystemName(GetParam())));
    done->active = nullptr;
    EXPECT_EQ(Listing(volume_), Listing(source_));
  }
  EXPECT_THAT(Preview(), IsOk()) << "somebody still has the disk";
}

TEST_P(MigrateTest, CopiesEverythingThereIsAboutATree) {
  MakeRichTree();
  const absl::StatusOr<Migration> preview = Preview();
  ASSERT_THAT(preview, IsOk());
  const absl::StatusOr<Migration> done = Migrate();
  ASSERT_THAT(done, IsOk());
  EXPECT_EQ(done->entries, preview->entries);
  EXPECT_EQ(done->bytes, preview->bytes);
  EXPECT_EQ(done->entries, 16U);
  EXPECT_EQ(done->bytes, 7U + 2 + 80 * kMiB + 1 + 3 * kMiB);
  ExpectSameTrees();
}

TEST_P(MigrateTest, KeepsHolesAndHardLinks) {
  MakeRichTree();
  ASSERT_THAT(Migrate(), IsOk());
  const TestMount mount(disk_.node(), volume_, std::string(FilesystemName(GetParam())));
  struct stat info = {};
  ASSERT_EQ(stat((volume_ + "/sparse").c_str(), &info), 0);
  EXPECT_LT(info.st_blocks * 512, 128 * 1024);
  struct stat link = {};
  ASSERT_EQ(stat((volume_ + "/another").c_str(), &info), 0);
  ASSERT_EQ(stat((volume_ + "/cni/bin/loopback").c_str(), &link), 0);
  EXPECT_EQ(info.st_ino, link.st_ino);
}

TEST_P(MigrateTest, DoesNothingTheSecondTime) {
  MakeRichTree();
  ASSERT_THAT(Migrate(), IsOk());
  const absl::StatusOr<Migration> again = Migrate();
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->entries, 0U);
  EXPECT_EQ(again->bytes, 0U);
  EXPECT_EQ(Preview()->entries, 0U);
  ExpectSameTrees();
}

TEST_P(MigrateTest, PreviewWritesNotOneByte) {
  MakeRichTree();
  const std::string copy = scratch_ / "copy";
  Shell("sync " + disk_.node() + " && cp --sparse=always " + disk_.file() + " " + copy);
  ASSERT_THAT(Preview(), IsOk());
  Shell("sync " + disk_.node() + " && cmp " + disk_.file() + " " + copy);
}

TEST_P(MigrateTest, LeavesNoMountBehind) {
  const auto count = [this] { return host_.ReadMounts()->size(); };
  const size_t before = count();
  ASSERT_THAT(Preview(), IsOk());
  ASSERT_THAT(Migrate(), IsOk());
  EXPECT_EQ(count(), before);
  const int exclusive = open(disk_.node().c_str(), O_RDONLY | O_EXCL | O_CLOEXEC);
  EXPECT_GE(exclusive, 0) << std::strerror(errno);
  close(exclusive);
}

TEST_P(MigrateTest, GivesTheFreshRootTheAttributesOfTheDirectory) {
  ASSERT_EQ(chmod(source_.c_str(), 0711), 0);
  ASSERT_EQ(chown(source_.c_str(), 7, 8), 0);
  WriteFile(source_ + "/file", "x");
  ASSERT_THAT(Migrate(), IsOk());
  const TestMount mount(disk_.node(), volume_, std::string(FilesystemName(GetParam())));
  const FileInfo root = host_.Inspect(volume_).value();
  EXPECT_EQ(root.mode, 0711U);
  EXPECT_EQ(root.uid, 7U);
  EXPECT_EQ(root.gid, 8U);
}

TEST_P(MigrateTest, KeepsWhatIsOnlyOnTheVolume) {
  InSource("mkdir shared && echo new > shared/new && echo same > shared/same");
  OnVolume("mkdir shared && echo old > shared/old && echo same > shared/same && chmod 700 .");
  EXPECT_EQ(Preview()->entries, 1U);
  ASSERT_THAT(Migrate(), IsOk());
  OnVolume(
      "test $(cat shared/old) = old && test $(cat shared/new) = new && "
      "test $(stat -c %a .) = 700");
}

TEST_P(MigrateTest, NamesConflictsAndWritesNothing) {
  InSource(
      "mkdir dir same dir2 && echo one > content && echo x > mode && chmod 600 mode && "
      "echo x > owner && ln -s a link && echo x > same/fine && echo f > dir/below && "
      "echo longer > size && echo x > xattr && setfattr -n user.a -v b xattr && echo > dir2/z");
  OnVolume(
      "echo x > dir && mkdir same && echo two > content && echo x > mode && chmod 644 mode && "
      "echo x > owner && chown 9 owner && ln -s b link && echo x > same/fine && echo x > xattr && "
      "echo l > size && mkdir dir2 && chmod 700 dir2");
  const absl::StatusOr<Migration> preview = Preview();
  ASSERT_THAT(preview, IsOk());
  EXPECT_THAT(preview->conflicts,
              ElementsAre("content", "dir", "dir2", "link", "mode", "owner", "size", "xattr"));
  const absl::StatusOr<Migration> migrated = Migrate();
  ASSERT_THAT(migrated, IsOk());
  EXPECT_EQ(migrated->conflicts, preview->conflicts);
  OnVolume("test $(cat content) = two && test ! -e .bpa-migrate && test ! -e dir2/z");
}

TEST_P(MigrateTest, NamesAtMostTwentyConflicts) {
  InSource("for i in $(seq 30); do echo a > $i; done");
  OnVolume("for i in $(seq 30); do echo b > $i; done");
  EXPECT_EQ(Preview()->conflicts.size(), 20U);
}

TEST_P(MigrateTest, TakesSeparateFilesInThePlaceOfLinksForAConflict) {
  InSource("echo x > a && ln a b");
  OnVolume("echo x > a && echo x > b");
  EXPECT_THAT(Preview()->conflicts, ElementsAre("b"));
}

TEST_P(MigrateTest, RefusesMountsAndSocketsInTheSource) {
  InSource("mkdir -p deep/mounted");
  {
    const TestMount mount("tmpfs", source_ + "/deep/mounted", "tmpfs");
    EXPECT_THAT(Migrate(), FailsWith(absl::StatusCode::kFailedPrecondition,
                                     source_ + "/deep/mounted is a mount point"));
    EXPECT_FALSE(Preview().ok());
  }
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (source_ + "/agent.sock").c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_THAT(Migrate(), FailsWith(absl::StatusCode::kFailedPrecondition,
                                   source_ + "/agent.sock is a socket"));
  close(fd);
}

TEST_P(MigrateTest, ChecksTheRoomBeforeItWrites) {
  Shell("fallocate -l 600M " + source_ + "/huge");
  EXPECT_THAT(Migrate(), FailsWith(absl::StatusCode::kResourceExhausted, "enlarge the volume"));
  OnVolume("test ! -e huge && test ! -e .bpa-migrate");
}

TEST_P(MigrateTest, RefusesAVolumeThatIsMountedOrWhoseTwinIs) {
  WriteFile(source_ + "/file", "x");
  {
    const TestMount mount(disk_.node(), volume_, std::string(FilesystemName(GetParam())));
    EXPECT_THAT(Migrate(), FailsWith(absl::StatusCode::kFailedPrecondition, "it is mounted at"));
  }
  if (GetParam() == Filesystem::kXfs) {  // ext4 does not mind
    const LoopDisk twin(320 * kMiB);
    ASSERT_THAT(host_.Format(twin.disk(), GetParam(), kUuid, false), IsOk());
    const TestMount mount(twin.node(), volume_, "xfs");
    EXPECT_THAT(Migrate(),
                FailsWith(absl::StatusCode::kFailedPrecondition, "mount " + disk_.node()));
  }
}

TEST_P(MigrateTest, RefusesAnotherFilesystemThanItIsTold) {
  const Filesystem other = GetParam() == Filesystem::kXfs ? Filesystem::kExt4 : Filesystem::kXfs;
  EXPECT_THAT(host_.MigrateTree(source_, disk_.disk(), other),
              FailsWith(absl::StatusCode::kFailedPrecondition, "mount " + disk_.node()));
}

TEST_P(MigrateTest, FollowsNoLinkOnTheVolume) {
  InSource("mkdir data && echo x > data/file");
  ASSERT_EQ(mkdir((scratch_ / "outside").c_str(), 0755), 0);
  OnVolume("ln -s " + (scratch_ / "outside") + " data");
  const absl::StatusOr<Migration> migrated = Migrate();
  ASSERT_THAT(migrated, IsOk());
  EXPECT_THAT(migrated->conflicts, ElementsAre("data"));
  EXPECT_TRUE(std::filesystem::is_empty(scratch_ / "outside"));
}

// kill -9 at any moment: what has a name is whole, and the same call finishes the rest.
TEST_P(MigrateTest, IsFinishedByTheNextCallHoweverItWasKilled) {
  MakeRichTree();
  InSource("for i in $(seq 300); do echo $i > file$i; done; mkdir -p a/b/c && echo x > a/b/c/d");
  const std::string expected = Listing(source_);
  int killed = 0;
  for (int round = 0; round < 25; ++round) {
    killed += KilledAfter(1000 + 1500 * round, [this] { static_cast<void>(Migrate()); });
    const absl::StatusOr<Migration> preview = Preview();
    ASSERT_THAT(preview, IsOk());
    EXPECT_THAT(preview->conflicts, IsEmpty()) << "something stands half under its name";
    if (round % 5 == 4) {
      ASSERT_THAT(Migrate(), IsOk());
      ExpectSameTrees();
      OnVolume(
          "test ! -e .bpa-migrate && find . -mindepth 1 -maxdepth 1 ! -name lost+found "
          "-exec rm -rf {} +");
    }
  }
  EXPECT_GT(killed, 0);
  EXPECT_EQ(Listing(source_), expected) << "the source must stay as it is";
}

INSTANTIATE_TEST_SUITE_P(Filesystems, MigrateTest,
                         testing::Values(Filesystem::kXfs, Filesystem::kExt4),
                         [](const testing::TestParamInfo<Filesystem>& test) {
                           return std::string(FilesystemName(test.param));
                         });

}  // namespace
}  // namespace bpa::executor

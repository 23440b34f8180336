// LinuxHost::Format: what it makes, what it refuses, and what a kill leaves.
#include <sys/mount.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "agent/executor/linux_host.h"
#include "tests/agent/executor/linux/machine.h"
#include "tests/agent/executor/linux/signatures.h"

namespace bpa::executor {
namespace {

constexpr uint64_t kMiB = 1 << 20;
// Of this file alone: the kernel mounts no XFS twice, and the tests run side by side.
constexpr const char* kUuid = "0f9fd8f3-6dd2-4b3c-9f4e-0a6a2b1c3d4e";
constexpr const char* kOtherUuid = "11111111-2222-3333-4444-555555555555";

class FormatTest : public testing::Test {
 protected:
  absl::Status Format(const LoopDisk& disk, bool resume_unfinished = false) {
    return host_.Format(disk.disk(), Filesystem::kXfs, kUuid, resume_unfinished);
  }
  void ExpectFormatted(const LoopDisk& disk, Filesystem filesystem) {
    const DiskProbe probe = host_.ProbeDisk(disk.disk()).value();
    EXPECT_EQ(probe.content, DiskContent::kFilesystem) << probe.description;
    EXPECT_EQ(probe.filesystem, filesystem);
    EXPECT_EQ(probe.uuid, kUuid);
  }

  LinuxHost host_;
};

TEST_F(FormatTest, MakesAFilesystemThatMounts) {
  for (const Filesystem filesystem : {Filesystem::kXfs, Filesystem::kExt4}) {
    const LoopDisk disk(512 * kMiB);
    ASSERT_THAT(host_.Format(disk.disk(), filesystem, kUuid, false), IsOk());
    ExpectFormatted(disk, filesystem);
    const Scratch scratch;
    const TestMount mount(disk.node(), scratch.path(), std::string(FilesystemName(filesystem)));
    WriteFile(scratch / "file", "x");
    EXPECT_EQ(ReadAll(scratch / "file"), "x");
  }
}

TEST_F(FormatTest, RefusesEveryForeignSignatureAlsoWhenResuming) {
  for (const ForeignSignature& signature : ForeignSignatures()) {
    const LoopDisk disk(64 * kMiB);
    signature.write(disk);
    const Scratch scratch;
    const std::string copy = scratch / "copy";
    Shell("cp --sparse=always " + disk.file() + " " + copy);
    for (const bool resume : {false, true}) {
      EXPECT_THAT(host_.Format(disk.disk(), Filesystem::kExt4, kUuid, resume),
                  FailsWith(absl::StatusCode::kFailedPrecondition, signature.described_as));
    }
    Shell("sync " + disk.node() + " && cmp " + disk.file() + " " + copy);
  }
}

TEST_F(FormatTest, RefusesAFilesystemThatIsNotOursAlsoWhenResuming) {
  for (const std::string& mkfs : {absl::StrCat("mkfs.xfs -q -m uuid=", kOtherUuid, " "),
                                  absl::StrCat("mkfs.ext4 -q -U ", kOtherUuid, " ")}) {
    const LoopDisk disk(512 * kMiB);
    Shell(mkfs + disk.node());
    for (const bool resume : {false, true}) {
      EXPECT_THAT(Format(disk, resume),
                  FailsWith(absl::StatusCode::kFailedPrecondition, kOtherUuid));
      EXPECT_EQ(host_.ProbeDisk(disk.disk())->uuid, kOtherUuid);
    }
  }
}

// The crash may have come after mkfs had ended: then somebody may have used the filesystem since.
TEST_F(FormatTest, LeavesAFinishedFilesystemOfItsOwnAsItIsWhenResuming) {
  for (const Filesystem filesystem : {Filesystem::kXfs, Filesystem::kExt4}) {
    const LoopDisk disk(512 * kMiB);
    ASSERT_THAT(host_.Format(disk.disk(), filesystem, kUuid, false), IsOk());
    const Scratch scratch;
    {
      const TestMount mount(disk.node(), scratch.path(), std::string(FilesystemName(filesystem)));
      WriteFile(scratch / "precious", "data");
    }
    EXPECT_THAT(host_.Format(disk.disk(), filesystem, kUuid, true), IsOk());
    const TestMount mount(disk.node(), scratch.path(), std::string(FilesystemName(filesystem)));
    EXPECT_EQ(ReadAll(scratch / "precious"), "data");
  }
}

TEST_F(FormatTest, RefusesDataWithoutASignatureUnlessItsOwnMkfsWasKilled) {
  for (const uint64_t offset : {uint64_t{5000}, 511 * kMiB}) {
    const LoopDisk disk(512 * kMiB);
    disk.Write(offset, "precious");
    EXPECT_THAT(Format(disk), FailsWith(absl::StatusCode::kFailedPrecondition,
                                        absl::StrCat("data without a known signature, at offset ",
                                                     offset, "; if nothing of it is needed")));
    EXPECT_THAT(Format(disk, /*resume_unfinished=*/true), IsOk());
    ExpectFormatted(disk, Filesystem::kXfs);
  }
}

TEST_F(FormatTest, RefusesADiskThatIsMountedPartitionedOrUnreadable) {
  const LoopDisk mounted(512 * kMiB);
  ASSERT_THAT(Format(mounted), IsOk());
  {
    const Scratch scratch;
    const TestMount mount(mounted.node(), scratch.path(), "xfs");
    EXPECT_THAT(Format(mounted, true), FailsWith(absl::StatusCode::kFailedPrecondition,
                                                 "it is mounted at " + scratch.path()));
  }
  const LoopDisk partitioned(512 * kMiB);
  partitioned.AddPartition();
  EXPECT_THAT(Format(partitioned, true),
              FailsWith(absl::StatusCode::kFailedPrecondition, "it has partitions"));
  partitioned.RemovePartition();
  const LoopDisk broken(512 * kMiB);
  const Disk described = broken.disk();
  broken.BreakBeyond(64 * kMiB);
  EXPECT_THAT(host_.Format(described, Filesystem::kXfs, kUuid, true),
              FailsWith(absl::StatusCode::kDataLoss, "Input/output error"));
}

TEST_F(FormatTest, RefusesWhatIsNotALowerCaseUuid) {
  const LoopDisk disk(64 * kMiB);
  for (const char* uuid : {"", "-f", "0F9FD8F3-6DD2-4B3C-9F4E-0A6A2B1C3D4E",
                           "0f9fd8f3-6dd2-4b3c-9f4e-0a6a2b1c3d4e,size=1", "0f9fd8f36dd2"}) {
    EXPECT_THAT(host_.Format(disk.disk(), Filesystem::kExt4, uuid, false),
                FailsWith(absl::StatusCode::kInvalidArgument, "not a lower-case UUID"));
  }
}

TEST_F(FormatTest, PassesOnWhatMkfsSays) {
  const LoopDisk disk(16 * kMiB);
  EXPECT_THAT(Format(disk), FailsWith(absl::StatusCode::kInternal, "must be larger than 300MB"));
}

TEST_F(FormatTest, IsFinishedByTheNextCallHoweverItWasKilled) {
  int killed = 0;
  for (int round = 0; round < 40; ++round) {
    const Filesystem filesystem = round % 2 == 0 ? Filesystem::kXfs : Filesystem::kExt4;
    const LoopDisk disk(512 * kMiB);
    const Disk described = disk.disk();
    killed += KilledAfter(
        700 * round, [&] { static_cast<void>(host_.Format(described, filesystem, kUuid, false)); });
    // The mkfs of the killed process holds the lock until it is gone.
    ASSERT_THAT(host_.Format(described, filesystem, kUuid, true), IsOk()) << round;
    ExpectFormatted(disk, filesystem);
  }
  EXPECT_GT(killed, 0);
}

}  // namespace
}  // namespace bpa::executor

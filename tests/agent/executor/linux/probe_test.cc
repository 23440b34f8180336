// LinuxHost::ProbeDisk on real loop devices: what is on a disk, and when that cannot be told.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/executor/linux_host.h"
#include "tests/agent/executor/linux/machine.h"
#include "tests/agent/executor/linux/signatures.h"

namespace bpa::executor {
namespace {

constexpr uint64_t kMiB = 1 << 20;
// Of this file alone: the kernel mounts no XFS twice, and the tests run side by side.
constexpr const char* kUuid = "0f9fd8f3-6dd2-4b3c-9f4e-0a6a2b1c3d01";

class ProbeTest : public testing::Test {
 protected:
  DiskProbe Probe(const LoopDisk& disk) {
    absl::StatusOr<DiskProbe> probe = host_.ProbeDisk(disk.disk());
    EXPECT_THAT(probe, IsOk());
    return probe.value_or(DiskProbe{.content = DiskContent::kBlank});
  }
  void ExpectOther(const LoopDisk& disk, const std::string& description) {
    const DiskProbe probe = Probe(disk);
    EXPECT_EQ(probe.content, DiskContent::kOther) << description;
    EXPECT_THAT(probe.description, testing::HasSubstr(description));
  }

  LinuxHost host_;
};

TEST_F(ProbeTest, CallsADiskOfZerosBlank) {
  for (const uint64_t size : {kMiB, 7 * kMiB, 64 * kMiB}) {
    const LoopDisk disk(size);
    EXPECT_EQ(Probe(disk).content, DiskContent::kBlank) << size;
  }
}

TEST_F(ProbeTest, KnowsXfsAndExt4WithUuidAndSize) {
  const LoopDisk xfs(512 * kMiB);
  Shell(absl::StrCat("mkfs.xfs -q -m uuid=", kUuid, " ", xfs.node()));
  DiskProbe probe = Probe(xfs);
  EXPECT_EQ(probe.content, DiskContent::kFilesystem);
  EXPECT_EQ(probe.filesystem, Filesystem::kXfs);
  EXPECT_EQ(probe.uuid, kUuid);
  EXPECT_EQ(probe.filesystem_bytes, 512 * kMiB);
  const LoopDisk ext4(64 * kMiB);
  Shell(absl::StrCat("mkfs.ext4 -q -U ", kUuid, " ", ext4.node()));
  probe = Probe(ext4);
  EXPECT_EQ(probe.content, DiskContent::kFilesystem);
  EXPECT_EQ(probe.filesystem, Filesystem::kExt4);
  EXPECT_EQ(probe.uuid, kUuid);
  EXPECT_EQ(probe.filesystem_bytes, 64 * kMiB);
}

TEST_F(ProbeTest, TakesNoForeignSignatureForBlank) {
  for (const ForeignSignature& signature : ForeignSignatures()) {
    const LoopDisk disk(64 * kMiB);
    signature.write(disk);
    ExpectOther(disk, signature.described_as);
  }
}

TEST_F(ProbeTest, TakesDataAtEitherEndForData) {
  for (const uint64_t offset : {uint64_t{0}, kMiB, 4 * kMiB - 1, 60 * kMiB, 64 * kMiB - 1}) {
    const LoopDisk disk(64 * kMiB);
    disk.Write(offset, "x");
    ExpectOther(disk, absl::StrCat("data without a known signature, at offset ", offset));
  }
}

TEST_F(ProbeTest, DoesNotTakeADamagedSignatureForBlank) {
  const LoopDisk lvm(64 * kMiB);
  for (const ForeignSignature& signature : ForeignSignatures()) {
    if (signature.described_as == "LVM2_member") signature.write(lvm);
  }
  lvm.Write(512 + 32, "damaged");
  ExpectOther(lvm, "LVM2_member signature (raid) whose superblock has a wrong checksum");
  // Not every libblkid checks those of filesystems, but none overlooks the signature.
  const LoopDisk ext4(64 * kMiB);
  Shell("mkfs.ext4 -q " + ext4.node());
  ext4.Write(1024 + 136, "damaged");
  EXPECT_NE(Probe(ext4).content, DiskContent::kBlank);
  const LoopDisk xfs(512 * kMiB);
  Shell("mkfs.xfs -q " + xfs.node());
  xfs.Write(4, std::string(12, '\xff'));
  ExpectOther(xfs, "");
}

TEST_F(ProbeTest, RefusesTwoFilesystemsOrOneUnderAPartitionTable) {
  const LoopDisk both(512 * kMiB);
  Shell("mkfs.xfs -q " + both.node());
  {
    const LoopDisk ext4(64 * kMiB);
    Shell("mkfs.ext4 -q " + ext4.node());
    both.Write(1024, ReadAll(ext4.file()).substr(1024, 1024));
  }
  ExpectOther(both, "signatures of several kinds");
  const LoopDisk covered(64 * kMiB);
  Shell("mkfs.ext4 -q " + covered.node());
  covered.Write(0, MasterBootRecord());
  ExpectOther(covered, "partition table (dos)");
}

TEST_F(ProbeTest, NeverTakesAReadErrorForBlank) {
  const LoopDisk end(64 * kMiB);
  const Disk end_disk = end.disk();
  end.BreakBeyond(32 * kMiB);
  EXPECT_THAT(host_.ProbeDisk(end_disk),
              FailsWith(absl::StatusCode::kDataLoss, "Input/output error"));
  const LoopDisk start(64 * kMiB);
  const Disk start_disk = start.disk();
  start.BreakBeyond(0);
  EXPECT_THAT(host_.ProbeDisk(start_disk),
              FailsWith(absl::StatusCode::kDataLoss, "it is left alone"));
}

TEST_F(ProbeTest, NoticesThatItIsAnotherDisk) {
  const LoopDisk disk(64 * kMiB);
  Disk described = disk.disk();
  described.size_bytes *= 2;
  EXPECT_THAT(host_.ProbeDisk(described),
              FailsWith(absl::StatusCode::kFailedPrecondition, "its size is 67108864"));
  described = disk.disk();
  described.device_number = makedev(259, 77);
  EXPECT_THAT(host_.ProbeDisk(described),
              FailsWith(absl::StatusCode::kFailedPrecondition, "another disk than a moment ago"));
  described = disk.disk();
  described.serial = "vol0123";
  EXPECT_THAT(host_.ProbeDisk(described),
              FailsWith(absl::StatusCode::kFailedPrecondition, "was vol0123"));
  described = disk.disk();
  described.node = "/dev/null";
  EXPECT_THAT(host_.ProbeDisk(described),
              FailsWith(absl::StatusCode::kFailedPrecondition, "not a block device"));
  described.node = "/dev/no-such-disk";
  EXPECT_THAT(host_.ProbeDisk(described), FailsWith(absl::StatusCode::kNotFound, "no-such-disk"));
}

TEST_F(ProbeTest, NoticesThatItWasEnlarged) {
  const LoopDisk disk(64 * kMiB);
  const Disk before = disk.disk();
  disk.Resize(128 * kMiB);
  EXPECT_THAT(host_.ProbeDisk(before),
              FailsWith(absl::StatusCode::kFailedPrecondition, "its size is 134217728"));
  EXPECT_THAT(host_.ProbeDisk(disk.disk()), IsOk());
}

TEST_F(ProbeTest, RefusesADiskWithPartitions) {
  const LoopDisk disk(64 * kMiB);
  disk.Write(0, MasterBootRecord());
  disk.AddPartition();
  EXPECT_THAT(host_.ProbeDisk(disk.disk()),
              FailsWith(absl::StatusCode::kFailedPrecondition, "it has partitions (loop"));
  disk.RemovePartition();
}

TEST_F(ProbeTest, RefusesADiskWithHolders) {
  const LoopDisk disk(64 * kMiB);
  const std::string name = disk.node().substr(5);
  const TestMount mount("tmpfs", absl::StrCat("/sys/block/", name, "/holders"), "tmpfs");
  WriteFile(absl::StrCat("/sys/block/", name, "/holders/dm-7"), "");
  EXPECT_THAT(host_.ProbeDisk(disk.disk()),
              FailsWith(absl::StatusCode::kFailedPrecondition, "built on it (dm-7)"));
}

TEST_F(ProbeTest, RefusesSwap) {
  const LoopDisk disk(64 * kMiB);
  Shell("mkswap " + disk.node() + " > /dev/null && swapon " + disk.node());
  EXPECT_THAT(host_.ProbeDisk(disk.disk()),
              FailsWith(absl::StatusCode::kFailedPrecondition, "it is swap space"));
  Shell("swapoff " + disk.node());
}

TEST_F(ProbeTest, RefusesAnExclusiveOpenerOtherThanAMount) {
  const LoopDisk disk(512 * kMiB);
  Shell("mkfs.xfs -q " + disk.node());
  const Scratch scratch;
  {
    const TestMount mount(disk.node(), scratch.path(), "xfs");
    EXPECT_EQ(Probe(disk).content, DiskContent::kFilesystem);
  }
  const int exclusive = open(disk.node().c_str(), O_RDONLY | O_EXCL | O_CLOEXEC);
  ASSERT_GE(exclusive, 0);
  EXPECT_THAT(host_.ProbeDisk(disk.disk()),
              FailsWith(absl::StatusCode::kFailedPrecondition, "has it open exclusively"));
  close(exclusive);
  EXPECT_EQ(Probe(disk).content, DiskContent::kFilesystem);
}

TEST_F(ProbeTest, SharesTheDiskWithOtherProbesAndWaitsForAnExclusiveLock) {
  const LoopDisk disk(64 * kMiB);
  const int other = open(disk.node().c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(flock(other, LOCK_SH), 0);
  EXPECT_EQ(Probe(disk).content, DiskContent::kBlank);
  ASSERT_EQ(flock(other, LOCK_EX), 0);
  EXPECT_THAT(host_.ProbeDisk(disk.disk()),
              FailsWith(absl::StatusCode::kUnavailable, disk.node() + " has been locked"));
  close(other);
}

TEST_F(ProbeTest, LetsProbesRunAtTheSameTime) {
  const LoopDisk disk(64 * kMiB);
  const Disk described = disk.disk();
  std::vector<std::thread> probes;
  for (int i = 0; i < 4; ++i) {
    probes.emplace_back([this, described] {
      for (int round = 0; round < 20; ++round) {
        EXPECT_THAT(host_.ProbeDisk(described), IsOk());
      }
    });
  }
  for (std::thread& probe : probes) probe.join();
}

}  // namespace
}  // namespace bpa::executor

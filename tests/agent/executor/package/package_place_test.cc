// Where a package may not land, and what becomes of it when there is no room.
#include <sys/mount.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/agent/executor/package/package_machine.h"

namespace bpa::executor {
namespace {

namespace fs = std::filesystem;
using absl::StatusCode;

class PackagePlaceTest : public testing::Test {
 protected:
  PackagePlaceTest() {
    WriteFile(machine_.In("version"), "8.1");
    WriteFile(machine_.In("big"), Noise(1, 1 << 20));
  }
  // In every mode, and before a byte has come.
  void ExpectRefused(const std::string& text) {
    const v1::Package package = machine_.Package("8.1");
    EXPECT_THAT(machine_.Observe(package), FailsWith(StatusCode::kFailedPrecondition, text));
    PackageResource resource(package, PackageRun{.content = source_.get()}, machine_.host);
    EXPECT_THAT(resource.Converge(), FailsWith(StatusCode::kFailedPrecondition, text));
    EXPECT_EQ(source_->content_bytes_sent() + source_->manifest_bytes_sent(), 0U);
  }

  PackageMachine machine_;
  std::unique_ptr<PackageSource> source_ = machine_.Source();
};

TEST_F(PackagePlaceTest, IsNoLinkAndNothingBelowOne) {
  fs::create_directory(machine_.base() + "/elsewhere");
  fs::create_symlink(machine_.base() + "/elsewhere", machine_.destination());
  ExpectRefused("is a symbolic link");
  fs::remove(machine_.destination());
  fs::remove(machine_.base() + "/bpa");
  fs::create_symlink(machine_.base() + "/elsewhere", machine_.base() + "/bpa");
  ExpectRefused("is a symbolic link, and none is followed");
  EXPECT_TRUE(fs::is_empty(machine_.base() + "/elsewhere"));
}

TEST_F(PackagePlaceTest, IsNoFile) {
  WriteFile(machine_.destination(), "precious");
  ExpectRefused("is not a directory");
  EXPECT_EQ(ReadAll(machine_.destination()), "precious");
}

TEST_F(PackagePlaceTest, IsNoMountPoint) {
  fs::create_directory(machine_.destination());
  const TestMount mount("tmpfs", machine_.destination(), "tmpfs");
  ExpectRefused("is a mount point");
}

TEST_F(PackagePlaceTest, IsNotBeneathAMountThatIsMissing) {
  const v1::Package package = machine_.Package("8.1");
  PackageResource resource(
      package, PackageRun{.below_volume = machine_.base() + "/bpa", .content = source_.get()},
      machine_.host);
  EXPECT_THAT(resource.Converge(), FailsWith(StatusCode::kFailedPrecondition, "is not mounted"));
  // Nor where only fstab tells.
  const Scratch scratch;
  WriteFile(scratch / "fstab", absl::StrCat("/dev/nowhere ", machine_.base(), "/bpa xfs nofail\n"));
  const TestMount fstab(scratch / "fstab", "/etc/fstab", "none", MS_BIND);
  ExpectRefused("(line 1 of /etc/fstab) is not mounted");
  EXPECT_TRUE(fs::is_empty(machine_.base() + "/bpa"));
}

TEST_F(PackagePlaceTest, NeedsItsParentButAPlanForeseesIt) {
  fs::remove(machine_.base() + "/bpa");
  const v1::Package package = machine_.Package("8.1");
  EXPECT_EQ(machine_.Observe(package)->at(0).before, "nothing");
  EXPECT_THAT(machine_.Apply(package, source_.get()),
              FailsWith(StatusCode::kFailedPrecondition, "does not exist: make it"));
}

TEST_F(PackagePlaceTest, IsNeverReachedThroughALinkThatIsSwappedIn) {
  fs::create_directory(machine_.base() + "/elsewhere");
  WriteFile(machine_.base() + "/elsewhere/precious", "kept");
  const v1::Package package = machine_.Package("8.1");
  const std::string at = machine_.destination();
  // The destination itself, at the last moment.
  PackageRun run{.content = source_.get()};
  run.step = [&](std::string_view step) {
    if (step != "exchange the trees") return;
    fs::create_symlink(machine_.base() + "/elsewhere", at);
  };
  EXPECT_THAT(machine_.Apply(package, run),
              FailsWith(StatusCode::kFailedPrecondition, "is a symbolic link"));
  fs::remove(at);
  // Its parent.
  const auto second = machine_.Source();
  run.content = second.get();
  run.step = [&](std::string_view step) {
    if (step != "exchange the trees") return;
    fs::rename(machine_.base() + "/bpa", machine_.base() + "/moved");
    fs::create_symlink(machine_.base() + "/elsewhere", machine_.base() + "/bpa");
  };
  EXPECT_THAT(machine_.Apply(package, run),
              FailsWith(StatusCode::kFailedPrecondition, "symbolic link"));
  Shell("test \"$(ls -A " + machine_.base() + "/elsewhere)\" = precious");
}

TEST_F(PackagePlaceTest, DistrustsAStoreThatOthersMayWrite) {
  fs::create_directory(machine_.base() + "/bpa/.bpa-packages");
  fs::permissions(machine_.base() + "/bpa/.bpa-packages", fs::perms::all);
  ExpectRefused("is not a directory of the agent's");
}

class PackageRoomTest : public testing::TestWithParam<const char*> {
 protected:
  PackageMachine machine_{GetParam(), 384 << 20};
};

TEST_P(PackageRoomTest, IsCheckedBeforeTheFirstByteOfContent) {
  Shell("truncate -s 500M " + machine_.In("big") + " && dd if=/dev/urandom of=" +
        machine_.In("big") + " bs=1M count=450 conv=notrunc status=none");
  const v1::Package package = machine_.Package("8.1");
  const auto source = machine_.Source();
  EXPECT_THAT(machine_.Apply(package, source.get()),
              FailsWith(StatusCode::kFailedPrecondition, "lacks room: 45"));
  EXPECT_EQ(source->content_bytes_sent(), 0U);
}

TEST_P(PackageRoomTest, WhatHasComeIsKeptWhenTheDiskIsFullMidway) {
  WriteFile(machine_.In("version"), "8.1");
  ASSERT_THAT(machine_.Stage("8.1"), IsOk());
  const std::string old_look = Look(machine_.destination());
  for (int i = 0; i < 40; ++i) WriteFile(machine_.In(absl::StrCat(i)), Noise(i, 1 << 20));
  const v1::Package package = machine_.Package("8.2");
  const auto source = machine_.Source();
  bool filled = false;
  source->spoil = [&](std::string&, uint64_t sent) {
    if (filled || sent < 20 << 20) return;
    // Somebody else takes what was free.
    Shell("dd if=/dev/zero of=" + machine_.base() +
          "/filler bs=1M status=none 2>/dev/null; "
          "dd if=/dev/zero of=" +
          machine_.base() + "/filler2 bs=4k status=none 2>/dev/null; true");
    filled = true;
  };
  EXPECT_THAT(machine_.Apply(package, source.get()),
              FailsWith(StatusCode::kResourceExhausted, "make room, then run again"));
  EXPECT_EQ(Look(machine_.destination()), old_look);
  fs::remove(machine_.base() + "/filler");
  fs::remove(machine_.base() + "/filler2");
  const auto second = machine_.Source();
  ASSERT_THAT(machine_.Apply(package, second.get()), IsOk());
  EXPECT_EQ(Look(machine_.destination()), Look(machine_.source()));
  EXPECT_LT(second->content_bytes_sent(), 22U << 20);
}

INSTANTIATE_TEST_SUITE_P(Filesystems, PackageRoomTest, testing::Values("tmpfs", "xfs", "ext4"),
                         [](const testing::TestParamInfo<const char*>& test) {
                           return std::string(test.param);
                         });

TEST(PackageInodesTest, AreCheckedBeforeTheFirstByte) {
  PackageMachine machine;
  for (int i = 0; i < 100; ++i) WriteFile(machine.In(absl::StrCat(i)), "x");
  Shell("mount -o remount,nr_inodes=50 " + machine.base());
  const v1::Package package = machine.Package("8.1");
  const auto source = machine.Source();
  EXPECT_THAT(machine.Apply(package, source.get()),
              FailsWith(StatusCode::kFailedPrecondition, "101 inodes are needed"));
  EXPECT_EQ(source->manifest_bytes_sent(), 0U);
}

}  // namespace
}  // namespace bpa::executor

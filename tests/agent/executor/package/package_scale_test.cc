// Large trees: in bounded memory, and in a time that is printed. Looks are compared without being
// shown: a difference between a hundred thousand lines is no help.
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/agent/executor/package/package_machine.h"

namespace bpa::executor {
namespace {

namespace fs = std::filesystem;

constexpr long kMaxResidentKiB = 64 * 1024;
constexpr uint64_t kAverageChunk = 64 * 1024;

// In a process of its own, whose memory is then known.
void Measure(const char* what, const std::function<absl::Status()>& work) {
  const absl::Time start = absl::Now();
  const pid_t pid = fork();
  if (pid == 0) {
    const absl::Status status = work();
    if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
    _exit(status.ok() ? 0 : 1);
  }
  int status = 0;
  rusage used = {};
  wait4(pid, &status, 0, &used);
  std::printf("%s: %.2f s, %.2f s of CPU, %ld KiB resident\n", what,
              absl::ToDoubleSeconds(absl::Now() - start),
              static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                  static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6,
              used.ru_maxrss);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << what;
  // A sanitizer's shadow and quarantine are resident too.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LE(used.ru_maxrss, kMaxResidentKiB) << what;
#endif
}

class PackageScaleTest : public testing::Test {
 protected:
  void StageAndCheck(PackageMachine& machine, const v1::Package& package) {
    Measure("  stage", [&] { return machine.Apply(package, machine.Source().get()); });
    Measure("  look again", [&] { return Unchanged(machine, package, false); });
    Measure("  verify", [&] { return Unchanged(machine, package, true); });
  }
  static absl::Status Unchanged(PackageMachine& machine, const v1::Package& package, bool verify) {
    const auto differences = machine.Observe(package, verify);
    if (!differences.ok() || differences->empty()) return differences.status();
    return absl::InternalError(differences->front().before);
  }
};

TEST_F(PackageScaleTest, AHundredThousandSmallFiles) {
  PackageMachine machine("tmpfs", uint64_t{2} << 30);
  const TestMount memory("tmpfs", machine.source(), "tmpfs", 0, "mode=755");
  for (int i = 0; i < 100 * 1000; ++i) {
    const std::string directory = machine.In(absl::StrCat(i / 1000));
    if (i % 1000 == 0) fs::create_directory(directory);
    WriteFile(absl::StrCat(directory, "/", i), Noise(static_cast<uint64_t>(i), 1024));
  }
  const v1::Package package = machine.Package("8.1", kAverageChunk);
  StageAndCheck(machine, package);
  EXPECT_TRUE(Look(machine.destination()) == Look(machine.source()));
  WriteFile(machine.In("0/0"), "changed");
  const v1::Package second = machine.Package("8.2", kAverageChunk);
  Measure("  stage with one changed",
          [&] { return machine.Apply(second, machine.Source().get()); });
  EXPECT_TRUE(Look(machine.destination()) == Look(machine.source()));
}

TEST_F(PackageScaleTest, OneSparseFileOf20GiBTakesNoRoomAndNoTime) {
  for (const char* filesystem : {"tmpfs", "xfs", "ext4"}) {
    PackageMachine machine(filesystem);
    Shell("truncate -s 20G " + machine.In("sparse") + " && printf middle | dd of=" +
          machine.In("sparse") + " bs=1 seek=10000000000 conv=notrunc status=none");
    const v1::Package package = machine.Package("8.1", kAverageChunk);
    StageAndCheck(machine, package);
    struct stat info = {};
    ASSERT_EQ(stat((machine.destination() + "/sparse").c_str(), &info), 0);
    EXPECT_EQ(info.st_size, int64_t{20} << 30);
    EXPECT_LT(info.st_blocks * 512, 1 << 20);
  }
}

TEST_F(PackageScaleTest, LargeFilesAndSmallOnes) {
  PackageMachine machine("tmpfs", uint64_t{3} << 30);
  const TestMount memory("tmpfs", machine.source(), "tmpfs", 0, "mode=755");
  for (int i = 0; i < 2; ++i) {
    Shell(absl::StrCat("head -c 100M /dev/urandom > ", machine.In(absl::StrCat("big-", i))));
  }
  for (int i = 0; i < 500; ++i) {
    WriteFile(machine.In(absl::StrCat("small-", i)), Noise(static_cast<uint64_t>(i), 100 * 1024));
  }
  const v1::Package package = machine.Package("8.1", kAverageChunk);
  StageAndCheck(machine, package);
  EXPECT_TRUE(Look(machine.destination()) == Look(machine.source()));
}

}  // namespace
}  // namespace bpa::executor

#include "tests/agent/executor/linux/machine.h"

#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/loop.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace bpa::executor {

void Shell(const std::string& command_line) {
  // NOLINTNEXTLINE(cert-env33-c): a test's own words
  ASSERT_EQ(std::system(command_line.c_str()), 0) << command_line;
}

void WriteFile(const std::string& path, std::string_view contents) {
  std::ofstream out(path, std::ios::binary);
  out << contents;
  out.close();
  ASSERT_TRUE(out) << path;
}

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  std::ostringstream contents;
  contents << in.rdbuf();
  return contents.str();
}

Scratch::Scratch() {
  char name[] = "/tmp/bpa-host-XXXXXX";
  if (mkdtemp(name) == nullptr) std::perror("mkdtemp");
  path_ = name;
}

Scratch::~Scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

TestMount::TestMount(const std::string& source, const std::string& target, const std::string& type,
                     unsigned long flags, const std::string& data)
    : target_(target) {
  EXPECT_EQ(mount(source.c_str(), target.c_str(), type.c_str(), flags, data.c_str()), 0)
      << "mount " << source << " " << target << ": " << std::strerror(errno);
}

TestMount::~TestMount() {
  EXPECT_EQ(umount2(target_.c_str(), MNT_DETACH), 0) << target_ << ": " << std::strerror(errno);
}

namespace {

void Partition(int disk, int operation) {
  blkpg_partition partition = {};
  partition.start = 1 << 20;
  partition.length = 8 << 20;
  partition.pno = 1;
  blkpg_ioctl_arg argument = {};
  argument.op = operation;
  argument.datalen = sizeof partition;
  argument.data = &partition;
  EXPECT_EQ(ioctl(disk, BLKPG, &argument), 0) << std::strerror(errno);
}

}  // namespace

LoopDisk::LoopDisk(uint64_t bytes) : file_(scratch_ / "disk") {
  const int file = open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  EXPECT_EQ(ftruncate(file, static_cast<off_t>(bytes)), 0);
  const int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  EXPECT_GE(control, 0) << std::strerror(errno);
  loop_config config = {};
  config.fd = static_cast<uint32_t>(file);
  config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
  // Between the two calls somebody else may take the free one.
  for (int attempt = 0; attempt < 100 && fd_ < 0; ++attempt) {
    node_ = absl::StrCat("/dev/loop", ioctl(control, LOOP_CTL_GET_FREE));
    const int fd = open(node_.c_str(), O_RDWR | O_CLOEXEC);
    if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &config) == 0) {
      fd_ = fd;
    } else if (fd >= 0) {
      close(fd);
    }
  }
  EXPECT_GE(fd_, 0) << "no loop device to be had: " << std::strerror(errno);
  close(control);
  close(file);
}

LoopDisk::~LoopDisk() { close(fd_); }

Disk LoopDisk::disk() const {
  struct stat node = {};
  EXPECT_EQ(stat(node_.c_str(), &node), 0);
  return {.node = node_,
          .device_number = node.st_rdev,
          .serial = "",
          .model = "",
          .size_bytes = std::filesystem::file_size(file_)};
}

void LoopDisk::Write(uint64_t offset, std::string_view bytes) const {
  ASSERT_EQ(pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset)),
            static_cast<ssize_t>(bytes.size()));
  ASSERT_EQ(fsync(fd_), 0);
}

void LoopDisk::Resize(uint64_t bytes) const {
  ASSERT_EQ(truncate(file_.c_str(), static_cast<off_t>(bytes)), 0);
  ASSERT_EQ(ioctl(fd_, LOOP_SET_CAPACITY, 0), 0);
}

void LoopDisk::AddPartition() const { Partition(fd_, BLKPG_ADD_PARTITION); }

void LoopDisk::RemovePartition() const { Partition(fd_, BLKPG_DEL_PARTITION); }

void LoopDisk::BreakBeyond(uint64_t bytes) const {
  ASSERT_EQ(truncate(file_.c_str(), static_cast<off_t>(bytes)), 0);
}

Child::Child(const std::function<void()>& work) {
  int ready[2];
  EXPECT_EQ(pipe2(ready, O_CLOEXEC), 0);
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    work();
    const ssize_t ignored = write(ready[1], "x", 1);
    static_cast<void>(ignored);
    for (;;) pause();
  }
  close(ready[1]);
  char byte = 0;
  EXPECT_EQ(read(ready[0], &byte, 1), 1);
  close(ready[0]);
}

Child::~Child() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

bool KilledAfter(int microseconds, const std::function<void()>& work) {
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    work();
    _exit(0);
  }
  absl::SleepFor(absl::Microseconds(microseconds));
  kill(pid, SIGKILL);
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFSIGNALED(status);
}

namespace {

// PID 1 of the namespace: waits for the tests and takes whatever is left of them along.
int RunAsInit(int (*tests)(int, char**), int argc, char** argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("proc", "/proc", "proc", 0, nullptr) != 0) {
    std::perror("private mounts");
    return 1;
  }
  const pid_t pid = fork();
  if (pid == 0) _exit(tests(argc, argv));
  for (;;) {
    int status = 0;
    const pid_t ended = wait(&status);
    if (ended == pid) return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    if (ended < 0 && errno != EINTR) return 1;
  }
}

int RunTests(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const int result = RUN_ALL_TESTS();
  std::fflush(nullptr);
  return result;
}

}  // namespace
}  // namespace bpa::executor

int main(int argc, char** argv) {
  if (unshare(CLONE_NEWNS | CLONE_NEWPID) != 0) {
    std::perror("these tests need root: unshare");
    return 1;
  }
  const pid_t init = fork();
  if (init == 0) _exit(bpa::executor::RunAsInit(bpa::executor::RunTests, argc, argv));
  int status = 0;
  waitpid(init, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

#include "agent/executor/linux/systemd.h"

#include <signal.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/status_matchers.h"
#include "tests/temporary_directory.h"

namespace bpa::executor {
namespace {

using bpa::testing::IsOk;
using bpa::testing::StatusIs;
using bpa::testing::TemporaryDirectory;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

auto FailsWith(absl::StatusCode code, const std::string& words) {
  return StatusIs(code, HasSubstr(words));
}

constexpr char kManagerPath[] = "/org/freedesktop/systemd1";
constexpr char kManager[] = "org.freedesktop.systemd1.Manager";

// A bus of our own: dbus-daemon with a socket in a directory of the test, found by libsystemd
// through its environment variable.
class SystemBus {
 public:
  SystemBus() {
    const std::string socket = scratch_.File("bus");
    const std::string config = absl::StrCat(
        "--config-file=",
        scratch_.Write("bus.conf", absl::StrCat("<busconfig><listen>unix:path=", socket,
                                                "</listen><auth>EXTERNAL</auth>"
                                                "<policy context='default'><allow user='*'/>"
                                                "<allow own='*'/><allow send_destination='*'/>"
                                                "<allow receive_sender='*'/></policy>"
                                                "</busconfig>")));
    pid_ = fork();
    if (pid_ == 0) {
      execlp("dbus-daemon", "dbus-daemon", config.c_str(), "--nofork", nullptr);
      _exit(127);
    }
    setenv("DBUS_SYSTEM_BUS_ADDRESS", absl::StrCat("unix:path=", socket).c_str(), 1);
    sd_bus* first = nullptr;
    while (sd_bus_open_system(&first) < 0 && waitpid(pid_, nullptr, WNOHANG) == 0) usleep(2000);
    sd_bus_flush_close_unref(first);
  }
  ~SystemBus() {
    Stop();
    unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
  }
  void Stop() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  const TemporaryDirectory scratch_;
  pid_t pid_ = 0;
};

// How org.freedesktop.systemd1 shall behave.
struct Script {
  std::string start_error;   // name of the error that StartUnit answers
  std::string job_result;    // empty: the job never ends
  std::string mount_result;  // property Result
};

// Speaks systemd's side of the conversation on a thread of its own.
class StandInManager {
 public:
  explicit StandInManager(Script script) : script_(std::move(script)) {
    EXPECT_GE(sd_bus_open_system(&bus_), 0);
    EXPECT_GE(sd_bus_request_name(bus_, "org.freedesktop.systemd1", 0), 0);
    thread_ = std::thread([this] { Serve(); });
  }
  ~StandInManager() {
    stop_ = true;
    thread_.join();
    sd_bus_flush_close_unref(bus_);
  }
  std::vector<std::string> calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

 private:
  void Serve() {
    while (!stop_) {
      sd_bus_message* message = nullptr;
      const int result = sd_bus_process(bus_, &message);
      if (message != nullptr) Answer(message);
      sd_bus_message_unref(message);
      if (result < 0) return;
      if (result == 0) sd_bus_wait(bus_, 5000);
    }
  }

  void Note(std::string call) {
    const std::lock_guard lock(mutex_);
    calls_.push_back(std::move(call));
  }

  void EndJob(const char* job, const char* unit, const char* result) {
    sd_bus_emit_signal(bus_, kManagerPath, kManager, "JobRemoved", "uoss", 7U, job, unit, result);
  }

  void Answer(sd_bus_message* message) {
    if (sd_bus_message_is_method_call(message, kManager, "StartUnit") > 0) return Start(message);
    if (sd_bus_message_is_method_call(message, "org.freedesktop.DBus.Properties", "Get") > 0) {
      Note(absl::StrCat("Get ", sd_bus_message_get_path(message)));
      sd_bus_reply_method_return(message, "v", "s", script_.mount_result.c_str());
      return;
    }
    if (sd_bus_message_is_method_call(message, nullptr, nullptr) <= 0) return;
    Note(absl::StrCat(sd_bus_message_get_member(message)));
    sd_bus_reply_method_return(message, "");
  }

  void Start(sd_bus_message* message) {
    const char* unit = nullptr;
    const char* mode = nullptr;
    sd_bus_message_read(message, "ss", &unit, &mode);
    Note(absl::StrCat("StartUnit ", unit, " ", mode));
    if (!script_.start_error.empty()) {
      sd_bus_reply_method_errorf(message, script_.start_error.c_str(), "Unit %s not found.", unit);
      return;
    }
    sd_bus_reply_method_return(message, "o", "/org/freedesktop/systemd1/job/7");
    // Somebody else's job ends first, and badly.
    EndJob("/org/freedesktop/systemd1/job/6", "other.service", "failed");
    if (!script_.job_result.empty()) {
      EndJob("/org/freedesktop/systemd1/job/7", unit, script_.job_result.c_str());
    }
    sd_bus_flush(bus_);
  }

  const Script script_;
  sd_bus* bus_ = nullptr;
  std::atomic<bool> stop_ = false;
  mutable std::mutex mutex_;  // ThreadSanitizer cannot see through Debian's Abseil
  std::vector<std::string> calls_;
  std::thread thread_;
};

std::string Escaped(const std::string& path) {
  FILE* const pipe =
      popen(absl::StrCat("systemd-escape --path --suffix=mount '", path, "'").c_str(), "r");
  std::array<char, 512> line = {};
  EXPECT_NE(fgets(line.data(), line.size(), pipe), nullptr);
  pclose(pipe);
  return std::string(absl::StripSuffix(line.data(), "\n"));
}

TEST(SystemdTest, NamesMountUnitsAsSystemdDoes) {
  for (const std::string path : {"/", "/opt", "/srv/bpa-data", "/.hidden/.x", "/a b/c\\d",
                                 "/z_9:.x", "/\xc3\xa4", "/mnt/x-y/z"}) {
    EXPECT_EQ(MountUnitName(path), Escaped(path)) << path;
  }
}

TEST(SystemdTest, ReadsFstabAgainThenStartsTheUnitAndWaitsForItsOwnJob) {
  const SystemBus bus;
  const StandInManager manager({.job_result = "done"});
  EXPECT_THAT(StartMountUnit("/srv/bpa-data"), IsOk());
  EXPECT_THAT(manager.calls(),
              ElementsAre("Subscribe", "Reload", "StartUnit srv-bpa\\x2ddata.mount replace"));
}

TEST(SystemdTest, SaysHowTheUnitFailedAndWhereToLook) {
  const SystemBus bus;
  const StandInManager manager({.job_result = "failed", .mount_result = "exit-code"});
  EXPECT_THAT(StartMountUnit("/opt"),
              FailsWith(absl::StatusCode::kFailedPrecondition,
                        "the job ended with 'failed', the mount with 'exit-code'; `systemctl "
                        "status opt.mount`"));
  EXPECT_THAT(manager.calls().back(), HasSubstr("/org/freedesktop/systemd1/unit/opt_2emount"));
}

TEST(SystemdTest, TellsThatADeviceDidNotComeUp) {
  const SystemBus bus;
  const StandInManager manager({.job_result = "dependency"});
  EXPECT_THAT(StartMountUnit("/opt"),
              FailsWith(absl::StatusCode::kFailedPrecondition, "its device, or another unit"));
}

TEST(SystemdTest, PassesOnWhatSystemdRefuses) {
  const SystemBus bus;
  const StandInManager manager({.start_error = "org.freedesktop.systemd1.NoSuchUnit"});
  EXPECT_THAT(StartMountUnit("/opt"), FailsWith(absl::StatusCode::kFailedPrecondition,
                                                "Unit opt.mount not found.; look at"));
}

TEST(SystemdTest, CancelsTheJobWhenPatienceEnds) {
  const SystemBus bus;
  const StandInManager manager({});
  EXPECT_THAT(StartMountUnit("/opt", {.job = absl::Milliseconds(50)}),
              FailsWith(absl::StatusCode::kDeadlineExceeded, "still starting opt.mount"));
  EXPECT_EQ(manager.calls().back(), "Cancel");
}

TEST(SystemdTest, IsUnavailableWithoutBusOrSystemd) {
  SystemBus bus;
  EXPECT_THAT(StartMountUnit("/opt"), FailsWith(absl::StatusCode::kUnavailable, "Subscribe"));
  bus.Stop();
  EXPECT_THAT(StartMountUnit("/opt"),
              FailsWith(absl::StatusCode::kUnavailable, "the system bus cannot be reached"));
}

TEST(SystemdTest, IsUnavailableWhenTheBusDiesWhileItWaits) {
  SystemBus bus;
  const StandInManager manager({});
  std::thread killer([&] {
    while (manager.calls().size() < 3) absl::SleepFor(absl::Milliseconds(2));
    bus.Stop();
  });
  EXPECT_THAT(StartMountUnit("/opt"), FailsWith(absl::StatusCode::kUnavailable, "opt.mount"));
  killer.join();
}

}  // namespace
}  // namespace bpa::executor

#include "agent/executor/linux/systemd.h"

#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "agent/executor/linux/paths.h"

namespace bpa::executor {
namespace {

constexpr char kService[] = "org.freedesktop.systemd1";
constexpr char kManagerPath[] = "/org/freedesktop/systemd1";
constexpr char kManager[] = "org.freedesktop.systemd1.Manager";
constexpr char kJob[] = "org.freedesktop.systemd1.Job";
constexpr char kMount[] = "org.freedesktop.systemd1.Mount";
// For calls that systemd answers at once.
constexpr absl::Duration kCall = absl::Seconds(25);

using Bus = std::unique_ptr<sd_bus, decltype(&sd_bus_flush_close_unref)>;
using Slot = std::unique_ptr<sd_bus_slot, decltype(&sd_bus_slot_unref)>;
using Message = std::unique_ptr<sd_bus_message, decltype(&sd_bus_message_unref)>;

uint64_t Micros(absl::Duration duration) {
  return static_cast<uint64_t>(std::max<int64_t>(absl::ToInt64Microseconds(duration), 0));
}

absl::Status BusFailure(int result, const std::string& what) {
  return absl::UnavailableError(
      absl::StrCat(what, ": ", std::strerror(-result),
                   "; systemd is asked to mount over D-Bus: look at `systemctl status dbus.socket` "
                   "and `systemctl is-system-running`, then run again"));
}

// What systemd answered instead, "org.freedesktop.systemd1.NoSuchUnit: Unit opt.mount not found."
class BusError {
 public:
  ~BusError() { sd_bus_error_free(&error_); }
  sd_bus_error* get() { return &error_; }
  bool FromSystemd() const {
    return error_.name != nullptr &&
           std::string_view(error_.name).substr(0, sizeof kService - 1) == kService;
  }
  std::string text() const { return error_.message == nullptr ? "" : error_.message; }

 private:
  sd_bus_error error_ = SD_BUS_ERROR_NULL;
};

// The end of one job, as the signal JobRemoved tells it.
struct JobEnd {
  std::string job;     // object path
  std::string result;  // empty until it has ended
};

int OnJobRemoved(sd_bus_message* message, void* userdata, sd_bus_error* /*error*/) {
  auto* const end = static_cast<JobEnd*>(userdata);
  uint32_t id = 0;
  const char* job = nullptr;
  const char* unit = nullptr;
  const char* result = nullptr;
  if (sd_bus_message_read(message, "uoss", &id, &job, &unit, &result) < 0) return 0;
  if (end->job == job) end->result = result;
  return 0;
}

// One conversation with systemd.
class Manager {
 public:
  static absl::StatusOr<Manager> Connect() {
    sd_bus* bus = nullptr;
    if (const int result = sd_bus_open_system(&bus); result < 0) {
      return BusFailure(result, "the system bus cannot be reached");
    }
    return Manager(Bus(bus, &sd_bus_flush_close_unref));
  }

  // A call of the manager without result.
  absl::Status Call(const char* method, absl::Duration patience) {
    sd_bus_message* made = nullptr;
    int result =
        sd_bus_message_new_method_call(bus_.get(), &made, kService, kManagerPath, kManager, method);
    const Message call(made, &sd_bus_message_unref);
    BusError error;
    if (result >= 0) {
      result = sd_bus_call(bus_.get(), call.get(), Micros(patience), error.get(), nullptr);
    }
    if (result >= 0) return absl::OkStatus();
    return BusFailure(
        result, absl::StrCat("systemd did not carry out ", method, error.text().empty() ? "" : " (",
                             error.text(), error.text().empty() ? "" : ")"));
  }

  // Returns how the job ended: "done", "failed", "dependency", "timeout", "canceled", ...
  absl::StatusOr<std::string> Start(const std::string& unit, absl::Duration patience) {
    JobEnd end;
    sd_bus_slot* made = nullptr;
    const int matched = sd_bus_match_signal(bus_.get(), &made, kService, kManagerPath, kManager,
                                            "JobRemoved", &OnJobRemoved, &end);
    if (matched < 0) return BusFailure(matched, "systemd's signals cannot be heard");
    const Slot slot(made, &sd_bus_slot_unref);
    absl::StatusOr<std::string> job = StartUnit(unit);
    if (!job.ok()) return job.status();
    end.job = *std::move(job);
    return Await(end, unit, absl::Now() + patience);
  }

  // Of a mount unit that failed: "exit-code", "timeout", ...; empty if it cannot be told.
  std::string MountResult(const std::string& unit) {
    char* path = nullptr;
    if (sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit.c_str(), &path) < 0) return "";
    const std::unique_ptr<char, decltype(&std::free)> path_owner(path, &std::free);
    char* value = nullptr;
    if (sd_bus_get_property_string(bus_.get(), kService, path, kMount, "Result", nullptr, &value) <
        0) {
      return "";
    }
    const std::unique_ptr<char, decltype(&std::free)> value_owner(value, &std::free);
    return value;
  }

 private:
  explicit Manager(Bus bus) : bus_(std::move(bus)) {}

  // Returns the job's object path.
  absl::StatusOr<std::string> StartUnit(const std::string& unit) {
    BusError error;
    sd_bus_message* made = nullptr;
    const int result = sd_bus_call_method(bus_.get(), kService, kManagerPath, kManager, "StartUnit",
                                          error.get(), &made, "ss", unit.c_str(), "replace");
    const Message reply(made, &sd_bus_message_unref);
    if (result < 0) {
      if (!error.FromSystemd()) return BusFailure(result, absl::StrCat("starting ", unit));
      return absl::FailedPreconditionError(absl::StrCat(
          "systemd does not start ", unit, ": ", error.text(), "; look at `systemctl status ", unit,
          "`, and at `findmnt --verify` for what it makes of /etc/fstab"));
    }
    const char* job = nullptr;
    const int read = sd_bus_message_read(reply.get(), "o", &job);
    if (read < 0) return BusFailure(read, "systemd's answer to StartUnit is not understood");
    return std::string(job);
  }

  absl::StatusOr<std::string> Await(const JobEnd& end, const std::string& unit,
                                    absl::Time deadline) {
    while (end.result.empty()) {
      const absl::Duration left = deadline - absl::Now();
      if (left <= absl::ZeroDuration()) {
        Cancel(end.job);
        return absl::DeadlineExceededError(
            absl::StrCat("systemd was still starting ", unit, " when time was up: look at ",
                         "`systemctl status ", unit, "` and `dmesg`, then run again"));
      }
      int result = sd_bus_process(bus_.get(), nullptr);
      if (result == 0) result = sd_bus_wait(bus_.get(), Micros(left));
      if (result < 0 && result != -EINTR) {
        return BusFailure(result, absl::StrCat("waiting for ", unit));
      }
    }
    return end.result;
  }

  // What it answers makes no difference any more.
  void Cancel(const std::string& job) {
    sd_bus_call_method(bus_.get(), kService, job.c_str(), kJob, "Cancel", nullptr, nullptr, "");
  }

  Bus bus_;
};

absl::Status JobFailure(const std::string& unit, const std::string& job_result,
                        const std::string& mount_result) {
  const std::string how =
      job_result == "dependency"
          ? "its device, or another unit that it needs, did not come up"
          : absl::StrCat("the job ended with '", job_result, "'",
                         mount_result.empty() || mount_result == "success"
                             ? ""
                             : absl::StrCat(", the mount with '", mount_result, "'"));
  return absl::FailedPreconditionError(
      absl::StrCat("systemd could not start ", unit, ": ", how, "; `systemctl status ", unit,
                   "` shows what mount said, `dmesg` what the kernel did"));
}

}  // namespace

bool SystemdIsPidOne() {
  if (sd_booted() <= 0) return false;
  const absl::StatusOr<std::string> name = ReadKernelFile("/proc/1/comm");
  return name.ok() && absl::StripAsciiWhitespace(*name) == "systemd";
}

std::string MountUnitName(std::string_view path) {
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  if (path.empty()) return "-.mount";
  std::string name;
  for (const char c : path) {
    if (c == '/') {
      name += '-';
    } else if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == ':' || c == '_' ||
               (c == '.' && !name.empty())) {
      name += c;
    } else {
      absl::StrAppendFormat(&name, "\\x%02x", static_cast<unsigned char>(c));
    }
  }
  return name + ".mount";
}

absl::Status StartMountUnit(const std::string& mount_point, SystemdPatience patience) {
  absl::StatusOr<Manager> manager = Manager::Connect();
  if (!manager.ok()) return manager.status();
  const std::string unit = MountUnitName(mount_point);
  // Without it systemd sends no signals.
  absl::Status status = manager->Call("Subscribe", kCall);
  if (status.ok()) status = manager->Call("Reload", patience.reload);
  if (!status.ok()) return status;
  const absl::StatusOr<std::string> result = manager->Start(unit, patience.job);
  if (!result.ok()) return result.status();
  if (*result == "done") return absl::OkStatus();
  return JobFailure(unit, *result, manager->MountResult(unit));
}

}  // namespace bpa::executor

#include "agent/executor/linux/sysfs.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/executor/linux/directory_names.h"
#include "agent/executor/linux/paths.h"

namespace bpa::executor {
namespace {

constexpr uint64_t kSysfsSector = 512;  // whatever the device's own is

std::vector<std::string> Names(const std::string& path) {
  const FileDescriptor fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return {};
  return DirectoryNames(fd.get(), path).value_or(std::vector<std::string>());
}

}  // namespace

std::string DeviceDirectory(uint64_t device_number) {
  return absl::StrCat("/sys/dev/block/", major(device_number), ":", minor(device_number));
}

std::string DeviceAttribute(const std::string& path) {
  absl::StatusOr<std::string> value = ReadKernelFile(path);
  if (!value.ok()) return "";
  return std::string(absl::StripAsciiWhitespace(*value));
}

absl::StatusOr<uint64_t> DeviceSize(uint64_t device_number) {
  const std::string path = DeviceDirectory(device_number) + "/size";
  absl::StatusOr<std::string> text = ReadKernelFile(path);
  if (!text.ok()) return text.status();
  uint64_t sectors = 0;
  if (!absl::SimpleAtoi(*text, &sectors)) {
    return absl::InternalError(absl::StrCat(path, " holds no number: ", *text));
  }
  return sectors * kSysfsSector;
}

bool IsPartition(uint64_t device_number) {
  return access((DeviceDirectory(device_number) + "/partition").c_str(), F_OK) == 0;
}

std::vector<std::string> PartitionsOf(uint64_t device_number) {
  const std::string directory = DeviceDirectory(device_number);
  std::vector<std::string> partitions;
  for (const std::string& name : Names(directory)) {
    if (access(absl::StrCat(directory, "/", name, "/partition").c_str(), F_OK) == 0) {
      partitions.push_back(name);
    }
  }
  return partitions;
}

std::vector<std::string> HoldersOf(uint64_t device_number) {
  return Names(DeviceDirectory(device_number) + "/holders");
}

}  // namespace bpa::executor

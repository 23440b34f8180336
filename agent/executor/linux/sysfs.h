// Block devices as /sys has them.
#ifndef BPA_AGENT_EXECUTOR_LINUX_SYSFS_H_
#define BPA_AGENT_EXECUTOR_LINUX_SYSFS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace bpa::executor {

// "/sys/dev/block/259:1", the directory of a device by its number.
std::string DeviceDirectory(uint64_t device_number);

// An attribute without blanks and newline at its ends; empty where there is none.
std::string DeviceAttribute(const std::string& path);

// Bytes, without opening the device: that alone can hang on a stuck one.
absl::StatusOr<uint64_t> DeviceSize(uint64_t device_number);

bool IsPartition(uint64_t device_number);

// Names of partitions ("nvme1n1p1") and of devices built upon it ("dm-0"), sorted.
std::vector<std::string> PartitionsOf(uint64_t device_number);
std::vector<std::string> HoldersOf(uint64_t device_number);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_LINUX_SYSFS_H_

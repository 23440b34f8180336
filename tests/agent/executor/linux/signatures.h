// What other owners of a disk leave on it.
#ifndef BPA_TESTS_AGENT_EXECUTOR_LINUX_SIGNATURES_H_
#define BPA_TESTS_AGENT_EXECUTOR_LINUX_SIGNATURES_H_

#include <functional>
#include <string>
#include <vector>

#include "tests/agent/executor/linux/machine.h"

namespace bpa::executor {

struct ForeignSignature {
  std::string described_as;  // part of DiskProbe::description
  std::function<void(const LoopDisk&)> write;
};

// Swap, LVM, LUKS, RAID, vfat, btrfs, ext3, ISO, partition tables; for disks of 64 MiB.
std::vector<ForeignSignature> ForeignSignatures();

// With one partition from sector 2048, 16384 sectors long.
std::string MasterBootRecord();

}  // namespace bpa::executor

#endif  // BPA_TESTS_AGENT_EXECUTOR_LINUX_SIGNATURES_H_

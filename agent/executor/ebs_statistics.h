// The statistics that Amazon EBS volumes keep as an NVMe log page.
#ifndef BPA_AGENT_EXECUTOR_EBS_STATISTICS_H_
#define BPA_AGENT_EXECUTOR_EBS_STATISTICS_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "bpa/v1/status.pb.h"

namespace bpa::executor {

inline constexpr uint8_t kEbsLogPage = 0xD0;

// Little endian: u32 magic 0x3C23B510, u32 version, then eleven u64 in the order of EbsStatistics
// (EBS User Guide, "Amazon EBS detailed performance statistics"); what follows is not read.
// nullopt for anything else: the page's number is the vendor's own, and other devices keep other
// things there.
std::optional<v1::EbsStatistics> ParseEbsStatistics(std::string_view page);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_EBS_STATISTICS_H_

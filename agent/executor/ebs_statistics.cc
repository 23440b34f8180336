#include "agent/executor/ebs_statistics.h"

#include <cstddef>

namespace bpa::executor {
namespace {

constexpr uint64_t kMagic = 0x3C23B510;
constexpr size_t kFirstCounter = 8;
constexpr size_t kCounters = 11;

uint64_t LittleEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
  }
  return value;
}

}  // namespace

std::optional<v1::EbsStatistics> ParseEbsStatistics(std::string_view page) {
  if (page.size() < kFirstCounter + kCounters * 8) return std::nullopt;
  if (LittleEndian(page.substr(0, 4)) != kMagic) return std::nullopt;
  const auto counter = [page](size_t index) {
    return LittleEndian(page.substr(kFirstCounter + index * 8, 8));
  };
  v1::EbsStatistics statistics;
  statistics.set_read_ops(counter(0));
  statistics.set_write_ops(counter(1));
  statistics.set_read_bytes(counter(2));
  statistics.set_write_bytes(counter(3));
  statistics.set_read_micros(counter(4));
  statistics.set_write_micros(counter(5));
  statistics.set_volume_iops_exceeded_micros(counter(6));
  statistics.set_volume_throughput_exceeded_micros(counter(7));
  statistics.set_instance_iops_exceeded_micros(counter(8));
  statistics.set_instance_throughput_exceeded_micros(counter(9));
  statistics.set_queue_length(counter(10));
  return statistics;
}

}  // namespace bpa::executor

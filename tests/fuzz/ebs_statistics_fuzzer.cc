// A log page as a disk sent it: has its counters, or is not taken for one.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/executor/ebs_statistics.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view page(reinterpret_cast<const char*>(data), size);
  const auto statistics = bpa::executor::ParseEbsStatistics(page);
  if (statistics && (size < 96 || page.substr(0, 4) != "\x10\xb5\x23\x3c")) std::abort();
  return 0;
}

// A file of sysctl.d: who wins can be told, and what we set in it wins there.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "agent/executor/sysctl_d.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using bpa::executor::SetInSysctlFile;
  using bpa::executor::WinningSetting;
  constexpr char kName[] = "vm.max_map_count";
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto before = WinningSetting({{"foreign", text}}, kName);
  if (before && (before->line < 1 || before->file != "foreign")) std::abort();
  const std::string set = SetInSysctlFile(text, kName, "262144");
  const auto after = WinningSetting({{"foreign", text}, {"ours", set}}, kName);
  if (!after || after->file != "ours" || after->value != "262144") std::abort();
  if (SetInSysctlFile(set, kName, "262144") != set) std::abort();
  return 0;
}

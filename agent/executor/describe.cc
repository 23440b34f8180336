#include "agent/executor/describe.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace bpa::executor {

std::string DescribeBytes(uint64_t bytes) {
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  static constexpr std::array<const char*, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double amount = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (amount >= 1024 && unit + 1 < kUnits.size()) {
    amount /= 1024;
    ++unit;
  }
  return absl::StrFormat("%.1f %s", amount, kUnits[unit]);
}

std::string DescribeTree(const TreeSummary& tree) {
  return absl::StrCat(tree.entries, tree.entries == 1 ? " entry, " : " entries, ",
                      DescribeBytes(tree.bytes));
}

std::string DescribeMode(uint32_t mode) { return absl::StrFormat("%04o", mode); }

std::string DescribeUses(const std::vector<ProcessUse>& uses) {
  std::vector<std::string> texts;
  texts.reserve(uses.size());
  for (const ProcessUse& use : uses) {
    texts.push_back(absl::StrCat(use.command, " (pid ", use.pid, ") holds ", use.path));
  }
  return DescribeNames(texts, 5);
}

std::string DescribeNames(const std::vector<std::string>& names, size_t limit) {
  if (names.size() <= limit) return absl::StrJoin(names, ", ");
  const auto end = names.begin() + static_cast<std::ptrdiff_t>(limit);
  return absl::StrCat(absl::StrJoin(names.begin(), end, ", "), " and ", names.size() - limit,
                      " more");
}

absl::Status InContext(std::string_view context, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat(std::string(context), ": ", std::string(status.message())));
}

}  // namespace bpa::executor

#include "agent/executor/linux/mountinfo.h"

#include <sys/sysmacros.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/executor/linux/paths.h"

namespace bpa::executor {
namespace {

bool IsOctal(char c) { return c >= '0' && c <= '7'; }

// The kernel writes blank, tab, newline, backslash (and # in sources) as \ooo.
std::string Unescape(std::string_view field) {
  std::string out;
  for (size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '\\' && i + 3 < field.size() && IsOctal(field[i + 1]) &&
        IsOctal(field[i + 2]) && IsOctal(field[i + 3])) {
      out += static_cast<char>((field[i + 1] - '0') * 64 + (field[i + 2] - '0') * 8 +
                               (field[i + 3] - '0'));
      i += 3;
    } else {
      out += field[i];
    }
  }
  return out;
}

// "259:3"
bool ParseDevice(const std::string& field, uint64_t& device) {
  const std::vector<std::string> parts = absl::StrSplit(field, ':');
  uint32_t major_number = 0;
  uint32_t minor_number = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &major_number) ||
      !absl::SimpleAtoi(parts[1], &minor_number)) {
    return false;
  }
  device = makedev(major_number, minor_number);
  return true;
}

// id parent device root mount_point options [tag...] - type source super_options
bool ParseLine(const std::string& line, MountEntry& entry) {
  const std::vector<std::string> fields = absl::StrSplit(line, ' ');
  if (fields.size() < 6) return false;
  const auto separator = std::find(fields.begin() + 6, fields.end(), "-");
  if (fields.end() - separator < 4) return false;
  if (!ParseDevice(fields[2], entry.device_number)) return false;
  entry.root = Unescape(fields[3]);
  entry.mount_point = Unescape(fields[4]);
  entry.filesystem = Unescape(separator[1]);
  entry.source = Unescape(separator[2]);
  entry.options = absl::StrCat(Unescape(fields[5]), ",", Unescape(separator[3]));
  return true;
}

}  // namespace

absl::StatusOr<std::vector<MountEntry>> ParseMountInfo(std::string_view text) {
  std::vector<MountEntry> entries;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string line(text.substr(0, end));
    MountEntry entry;
    if (!ParseLine(line, entry)) {
      return absl::InternalError(
          absl::StrCat("mountinfo line ", entries.size() + 1, " is not understood: ", line));
    }
    entries.push_back(std::move(entry));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return entries;
}

absl::StatusOr<std::vector<MountEntry>> ReadMountInfo(const std::string& path) {
  absl::StatusOr<std::string> text = ReadKernelFile(path);
  if (!text.ok()) return text.status();
  return ParseMountInfo(*text);
}

}  // namespace bpa::executor

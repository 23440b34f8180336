#include "agent/executor/sysctl_d.h"

#include <fnmatch.h>

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace bpa::executor {
namespace {

constexpr std::string_view kHeading =
    "# Kernel parameters that the BPA node agent keeps. Edits of these keys are undone.\n";

std::string_view Strip(std::string_view text) {
  const auto blank = [](char c) { return absl::ascii_isspace(c); };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// Whichever of `.` and `/` comes first is the separator; the other one is part of a name, as in
// net.ipv4.conf.eth0/1.rp_filter. The result is the path below /proc/sys.
std::string KeyPath(std::string_view key) {
  std::string path;
  const size_t separator = key.find_first_of("./");
  const bool dotted = separator != std::string_view::npos && key[separator] == '.';
  for (char c : key) {
    if (dotted && c == '.') {
      c = '/';
    } else if (dotted && c == '/') {
      c = '.';
    }
    if (c == '/' && (path.empty() || path.back() == '/')) continue;
    path += c;
  }
  return path;
}

// One line that names a key.
struct Assignment {
  std::string path;                  // below /proc/sys, or a glob
  std::optional<std::string> value;  // nullopt: exclusion
  bool glob;
};

std::optional<Assignment> ParseAssignment(std::string_view line) {
  line = Strip(line);
  if (line.empty() || line.front() == '#' || line.front() == ';') return std::nullopt;
  const bool dash = line.front() == '-';
  if (dash) line.remove_prefix(1);
  const size_t equals = line.find('=');
  if (equals == std::string_view::npos && !dash) return std::nullopt;
  Assignment assignment;
  assignment.path = KeyPath(Strip(line.substr(0, equals)));
  if (assignment.path.empty()) return std::nullopt;
  if (equals != std::string_view::npos) assignment.value = FoldBlanks(line.substr(equals + 1));
  assignment.glob = assignment.path.find_first_of("*?[") != std::string::npos;
  return assignment;
}

std::vector<std::string> SplitLines(const std::string& text) { return absl::StrSplit(text, '\n'); }

bool IsExplicit(std::string_view line, const std::string& path) {
  const std::optional<Assignment> assignment = ParseAssignment(line);
  return assignment && !assignment->glob && assignment->path == path;
}

}  // namespace

std::vector<std::string> OrderSysctlFiles(const std::vector<SysctlDirectory>& directories) {
  std::map<std::string, std::string> path_by_name;
  for (const SysctlDirectory& directory : directories) {
    for (const std::string& name : directory.names) {
      if (std::string_view(name).ends_with(".conf")) {
        path_by_name.emplace(name, absl::StrCat(directory.path, "/", name));
      }
    }
  }
  std::vector<std::string> paths;
  paths.reserve(path_by_name.size());
  for (const auto& [name, path] : path_by_name) paths.push_back(path);
  return paths;
}

std::optional<SysctlSetting> WinningSetting(const std::vector<SysctlFile>& files,
                                            std::string_view name) {
  const std::string path = KeyPath(name);
  std::optional<SysctlSetting> explicitly;
  // The last setting of each glob that matches; a glob's place is that of its last change.
  std::vector<std::pair<std::string, SysctlSetting>> globs;
  for (const SysctlFile& file : files) {
    int number = 0;
    for (const std::string& line : SplitLines(file.contents)) {
      ++number;
      std::optional<Assignment> assignment = ParseAssignment(line);
      if (!assignment) continue;
      SysctlSetting setting{file.path, number, std::move(assignment->value)};
      if (!assignment->glob) {
        if (assignment->path == path) explicitly = std::move(setting);
      } else if (fnmatch(assignment->path.c_str(), path.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0) {
        std::erase_if(globs, [&](const auto& other) { return other.first == assignment->path; });
        globs.emplace_back(assignment->path, std::move(setting));
      }
    }
  }
  if (explicitly) return explicitly;
  // A glob without a value only takes back the same glob.
  std::erase_if(globs, [](const auto& glob) { return !glob.second.value; });
  if (globs.empty()) return std::nullopt;
  return globs.back().second;
}

std::string SetInSysctlFile(std::string_view contents, std::string_view name,
                            std::string_view value) {
  const std::string path = KeyPath(name);
  const std::string wanted = absl::StrCat(std::string(name), " = ", std::string(value), "\n");
  std::string out;
  bool done = false;
  while (!contents.empty()) {
    const size_t newline = contents.find('\n');
    const size_t size = newline == std::string_view::npos ? contents.size() : newline + 1;
    const std::string_view line = contents.substr(0, size);
    contents.remove_prefix(size);
    if (!IsExplicit(line, path)) {
      out.append(line);
    } else if (!done) {
      out += wanted;
      done = true;
    }
  }
  if (done) return out;
  if (out.empty()) out = kHeading;
  if (!out.ends_with('\n')) out += '\n';
  return out + wanted;
}

std::string FoldBlanks(std::string_view value) {
  std::string out;
  bool blank = false;
  for (const char c : Strip(value)) {
    if (absl::ascii_isspace(c)) {
      blank = true;
      continue;
    }
    if (blank) out += ' ';
    blank = false;
    out += c;
  }
  return out;
}

}  // namespace bpa::executor

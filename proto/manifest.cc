#include "proto/manifest.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/limits.h"
#include "proto/utf8.h"

namespace bpa {
namespace {

std::string PathProblem(std::string_view path) {
  if (path.empty()) return "is the tree's root a second time";
  if (path.size() > kMaxManifestPathBytes) {
    return absl::StrCat("is ", path.size(), " bytes long; at most ", kMaxManifestPathBytes);
  }
  if (path.find('\0') != std::string_view::npos) return "holds a NUL byte";
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view component = path.substr(begin, end - begin);
    if (component.empty()) return "is absolute, ends in a slash or has two in a row";
    if (component == "." || component == "..") return "has a component '.' or '..'";
    if (component.size() > kMaxPathComponentBytes) {
      return absl::StrCat("has a component of ", component.size(), " bytes; at most ",
                          kMaxPathComponentBytes);
    }
    begin = end + 1;
  }
  return "";
}

// Between a directory and an entry beneath it there is nothing that is not beneath it as well, so
// the parent is the entry before or one of those that the entry before lies beneath.
bool HasParent(const ManifestEntry& previous, std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return true;
  const std::string_view parent = path.substr(0, slash);
  if (previous.path == parent) return previous.type == EntryType::kDirectory;
  return previous.path.starts_with(path.substr(0, slash + 1));
}

std::string TargetProblem(std::string_view target) {
  if (target.empty() || target.size() > kMaxSymlinkTargetBytes) {
    return absl::StrCat("is a symlink with a target of ", target.size(),
                        " bytes; allowed are 1 to ", kMaxSymlinkTargetBytes);
  }
  if (target.find('\0') != std::string_view::npos) return "is a symlink to a NUL byte";
  return "";
}

std::string PlaceProblem(const ManifestEntry* previous, const ManifestEntry& entry) {
  if (previous == nullptr) {
    if (!entry.path.empty()) return "comes first, where the tree's root has to be";
    if (entry.type != EntryType::kDirectory) return "is the tree's root and not a directory";
    return "";
  }
  if (std::string problem = PathProblem(entry.path); !problem.empty()) return problem;
  if (CompareManifestPaths(previous->path, entry.path) != std::strong_ordering::less) {
    return absl::StrCat("comes after ", QuotedPath(previous->path),
                        ", which is not the manifest's order");
  }
  if (!HasParent(*previous, entry.path)) return "lies in a directory that is not an entry before";
  return "";
}

// Would change what a terminal or a log shows of the rest of the line: C0, DEL, C1 and the marks
// that turn the direction of writing.
bool IsInvisible(std::string_view sequence) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(sequence[i]); };
  if (sequence.size() == 1) return byte(0) < 0x20 || byte(0) == 0x7F;
  if (sequence.size() == 2) return byte(0) == 0xC2 && byte(1) < 0xA0;
  if (sequence.size() != 3 || byte(0) != 0xE2) return false;
  const bool direction = byte(1) == 0x80 && byte(2) >= 0x8B && byte(2) <= 0xAE;
  return (direction && (byte(2) <= 0x8F || byte(2) >= 0xA8)) ||
         (byte(1) == 0x81 && byte(2) >= 0xA0 && byte(2) <= 0xAF);
}

}  // namespace

std::strong_ordering CompareManifestPaths(std::string_view a, std::string_view b) {
  const auto [in_a, in_b] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  if (in_a == a.end() || in_b == b.end()) return a.size() <=> b.size();
  // No path holds a NUL, so '/' can take its place.
  const auto rank = [](char c) { return c == '/' ? uint8_t{0} : static_cast<uint8_t>(c); };
  return rank(*in_a) <=> rank(*in_b);
}

std::string ManifestEntryProblem(const ManifestEntry* previous, const ManifestEntry& entry) {
  if (std::string problem = PlaceProblem(previous, entry); !problem.empty()) return problem;
  if (entry.mode > 0777) return absl::StrFormat("has mode %#o, beyond 0777", entry.mode);
  if (entry.mtime_nanoseconds >= 1'000'000'000) {
    return absl::StrCat("has a time with ", entry.mtime_nanoseconds, " nanoseconds");
  }
  if (entry.type == EntryType::kSymlink) return TargetProblem(entry.target);
  if (entry.type == EntryType::kFile && entry.size > kMaxContentBytes) {
    return absl::StrCat("has a size of ", entry.size, " bytes; at most ", kMaxContentBytes);
  }
  return "";
}

std::string QuotedPath(std::string_view path) {
  std::string quoted = "'";
  while (!path.empty()) {
    const size_t length = Utf8Length(path);
    const std::string_view next = path.substr(0, std::max<size_t>(length, 1));
    path.remove_prefix(next.size());
    if (length == 0 || IsInvisible(next) || next == "\\" || next == "'") {
      absl::StrAppend(&quoted, absl::CHexEscape(std::string(next)));
    } else {
      quoted.append(next);
    }
  }
  return quoted + "'";
}

}  // namespace bpa

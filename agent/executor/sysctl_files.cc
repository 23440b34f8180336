#include "agent/executor/sysctl_files.h"

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/executor/path.h"

namespace bpa::executor {
namespace {

constexpr const char* kDirectories[] = {"/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d",
                                        "/usr/lib/sysctl.d"};
// Where /lib is a link to /usr/lib, this is the same directory again.
constexpr const char* kSplitUsrDirectory = "/lib/sysctl.d";

// A link's target as an absolute, normal path, judged by its text alone.
std::string ResolveText(const std::string& link, const std::string& target) {
  std::vector<std::string> components;
  const std::string whole =
      target.starts_with('/') ? target : absl::StrCat(ParentOf(link), "/", target);
  for (const std::string& component : std::vector<std::string>(absl::StrSplit(whole, '/'))) {
    if (component.empty() || component == ".") continue;
    if (component != "..") {
      components.push_back(component);
    } else if (!components.empty()) {
      components.pop_back();
    }
  }
  std::string path;
  for (const std::string& component : components) absl::StrAppend(&path, "/", component);
  return path.empty() ? "/" : path;
}

absl::Status AddDirectory(Host& host, const std::string& path,
                          std::vector<SysctlDirectory>& directories) {
  absl::StatusOr<std::vector<std::string>> names = host.ListDirectory(path);
  if (absl::IsNotFound(names.status())) return absl::OkStatus();
  if (!names.ok()) return names.status();
  directories.push_back({path, *std::move(names)});
  return absl::OkStatus();
}

absl::StatusOr<std::vector<SysctlDirectory>> ListDirectories(Host& host) {
  std::vector<SysctlDirectory> directories;
  for (const char* path : kDirectories) {
    absl::Status added = AddDirectory(host, path, directories);
    if (!added.ok()) return added;
  }
  const absl::StatusOr<FileInfo> lib = host.Inspect("/lib");
  if (lib.ok() && lib->type == FileType::kDirectory) {
    absl::Status added = AddDirectory(host, kSplitUsrDirectory, directories);
    if (!added.ok()) return added;
  }
  return directories;
}

absl::Status CannotFollow(const std::string& link, const std::string& target) {
  return absl::FailedPreconditionError(
      absl::StrCat(link, " is a symbolic link to ", target,
                   ", which cannot be read as a plain file: what it sets at boot cannot be told. "
                   "Replace the link by a file, or remove it"));
}

// nullopt for what sets nothing: a mask, a dangling link, a directory or device.
absl::StatusOr<std::optional<std::string>> ReadThrough(Host& host, const std::string& path) {
  const absl::StatusOr<FileInfo> info = host.Inspect(path);
  if (absl::IsNotFound(info.status())) return std::nullopt;
  if (!info.ok()) return info.status();
  if (info->type == FileType::kRegular) {
    absl::StatusOr<std::string> contents = host.ReadFile(path, kMaxSysctlFileBytes);
    if (!contents.ok()) return contents.status();
    return *std::move(contents);
  }
  if (info->type != FileType::kSymlink) return std::nullopt;
  const absl::StatusOr<std::string> target = host.ReadLink(path);
  if (!target.ok()) return target.status();
  const std::string resolved = ResolveText(path, *target);
  if (resolved == "/dev/null") return std::nullopt;
  const absl::StatusOr<FileInfo> behind = host.Inspect(resolved);
  if (absl::IsNotFound(behind.status())) return std::nullopt;
  if (!behind.ok() || behind->type != FileType::kRegular) return CannotFollow(path, *target);
  absl::StatusOr<std::string> contents = host.ReadFile(resolved, kMaxSysctlFileBytes);
  if (!contents.ok()) return contents.status();
  return *std::move(contents);
}

}  // namespace

absl::StatusOr<std::vector<SysctlFile>> ReadSysctlFiles(Host& host) {
  const absl::StatusOr<std::vector<SysctlDirectory>> directories = ListDirectories(host);
  if (!directories.ok()) return directories.status();
  std::vector<SysctlFile> files;
  for (const std::string& path : OrderSysctlFiles(*directories)) {
    absl::StatusOr<std::optional<std::string>> contents = ReadThrough(host, path);
    if (!contents.ok()) return contents.status();
    if (contents->has_value()) files.push_back({path, **std::move(contents)});
  }
  return files;
}

absl::StatusOr<std::optional<SysctlFile>> ReadSysctlConf(Host& host) {
  absl::StatusOr<std::optional<std::string>> contents = ReadThrough(host, kSysctlConf);
  if (!contents.ok()) return contents.status();
  if (!contents->has_value()) return std::nullopt;
  return SysctlFile{kSysctlConf, **std::move(contents)};
}

}  // namespace bpa::executor

#include "tests/fakes/fake_host.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/executor/describe.h"
#include "agent/executor/path.h"
#include "agent/executor/sysctl_d.h"

namespace bpa::executor {
namespace {

absl::Status NotFound(const std::string& path) {
  return absl::NotFoundError(absl::StrCat("openat2 ", path, ": No such file or directory"));
}

std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

absl::StatusOr<uint32_t> LookUp(const std::map<std::string, uint32_t>& ids, const char* what,
                                const std::string& name) {
  uint32_t id = 0;
  if (absl::SimpleAtoi(name, &id)) return id;
  const auto found = ids.find(name);
  if (found != ids.end()) return found->second;
  return absl::NotFoundError(absl::StrCat("no ", what, " '", name, "' on this node"));
}

}  // namespace

FakeHost::FakeHost(Faults& faults) : faults_(faults) {
  auto root = std::make_shared<FakeFilesystem>();
  root->device = 0x801;
  root->type = "ext4";
  root->source = "/dev/sda1";
  mounts_.push_back({"/", std::move(root)});
}

absl::StatusOr<FakeHost::Found> FakeHost::Find(const std::string& path) const {
  Found found{mounts_.front().filesystem, mounts_.front().filesystem->root};
  if (path == "/") return found;
  std::string current;
  for (const std::string& name : std::vector<std::string>(absl::StrSplit(path.substr(1), '/'))) {
    if (found.node->type == FileType::kSymlink) {
      return absl::FailedPreconditionError(absl::StrCat(current, " is a symbolic link"));
    }
    if (found.node->type != FileType::kDirectory) {
      return absl::FailedPreconditionError(absl::StrCat(current, " is not a directory"));
    }
    const auto child = found.node->children.find(name);
    if (child == found.node->children.end()) return NotFound(path);
    absl::StrAppend(&current, "/", name);
    found.node = child->second;
    if (const auto mounted = MountedAt(current)) found = {mounted, mounted->root};
  }
  return found;
}

absl::StatusOr<FakeHost::Found> FakeHost::FindDirectory(const std::string& path) const {
  absl::StatusOr<Found> found = Find(path);
  if (found.ok() && found->node->type != FileType::kDirectory) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is not a directory"));
  }
  return found;
}

absl::StatusOr<FakeHost::Found> FakeHost::FindWritableParent(const std::string& path) const {
  absl::StatusOr<Found> parent = FindDirectory(ParentOf(path));
  if (parent.ok() && parent->filesystem->read_only) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": Read-only file system"));
  }
  return parent;
}

std::shared_ptr<FakeFilesystem> FakeHost::MountedAt(const std::string& mount_point) const {
  std::shared_ptr<FakeFilesystem> top;
  for (const FakeMount& mount : mounts_) {
    if (mount.mount_point == mount_point) top = mount.filesystem;
  }
  return top;
}

absl::StatusOr<FileInfo> FakeHost::Inspect(const std::string& path) {
  return faults_.Call(absl::StrCat("Inspect ", path), [&]() -> absl::StatusOr<FileInfo> {
    const absl::StatusOr<Found> found = Find(path);
    if (!found.ok()) return found.status();
    return FileInfo{found->node->type, found->node->mode, found->node->uid, found->node->gid,
                    found->filesystem->device};
  });
}

absl::StatusOr<std::string> FakeHost::ReadLink(const std::string& path) {
  return faults_.Call(absl::StrCat("ReadLink ", path), [&]() -> absl::StatusOr<std::string> {
    const absl::StatusOr<Found> found = Find(path);
    if (!found.ok()) return found.status();
    if (found->node->type == FileType::kSymlink) return found->node->content;
    return absl::FailedPreconditionError(absl::StrCat(path, " is not a symbolic link"));
  });
}

absl::StatusOr<std::string> FakeHost::ReadFile(const std::string& path, size_t max_bytes) {
  return faults_.Call(absl::StrCat("ReadFile ", path), [&]() -> absl::StatusOr<std::string> {
    const absl::StatusOr<Found> found = Find(path);
    if (!found.ok()) return found.status();
    if (found->node->type != FileType::kRegular) {
      return absl::FailedPreconditionError(absl::StrCat(path, " is not a regular file"));
    }
    if (found->node->content.size() > max_bytes) {
      return absl::ResourceExhaustedError(absl::StrCat(path, " is larger than ", max_bytes));
    }
    return found->node->content;
  });
}

absl::StatusOr<std::vector<std::string>> FakeHost::ListDirectory(const std::string& path) {
  using Names = std::vector<std::string>;
  return faults_.Call(absl::StrCat("ListDirectory ", path), [&]() -> absl::StatusOr<Names> {
    const absl::StatusOr<Found> found = FindDirectory(path);
    if (!found.ok()) return found.status();
    Names names;
    for (const auto& [name, child] : found->node->children) names.push_back(name);
    return names;
  });
}

absl::Status FakeHost::ReplaceFile(const std::string& path,
                                   const std::optional<std::string>& expected,
                                   std::string_view contents) {
  return faults_.Call(absl::StrCat("ReplaceFile ", path), [&]() -> absl::Status {
    const absl::StatusOr<Found> parent = FindWritableParent(path);
    if (!parent.ok()) return parent.status();
    std::shared_ptr<FakeNode>& file = parent->node->children[NameOf(path)];
    const bool same =
        expected ? file != nullptr && file->type == FileType::kRegular && file->content == *expected
                 : file == nullptr;
    if (!same || parent->filesystem->full) {
      if (file == nullptr) parent->node->children.erase(NameOf(path));
      if (!same) return absl::AbortedError(absl::StrCat(path, " was changed by somebody else"));
      return absl::ResourceExhaustedError(absl::StrCat(path, ": No space left on device"));
    }
    if (file == nullptr) {
      file = std::make_shared<FakeNode>();
      file->type = FileType::kRegular;
      file->mode = 0644;
    }
    file->content = std::string(contents);
    return absl::OkStatus();
  });
}

absl::Status FakeHost::CheckReplaceable(const std::string& path) {
  return faults_.Call(absl::StrCat("CheckReplaceable ", path),
                      [&] { return FindWritableParent(path).status(); });
}

absl::Status FakeHost::MakeDirectory(const std::string& path, uint32_t mode,
                                     std::optional<uint64_t> filesystem) {
  return faults_.Call(
      absl::StrCat("MakeDirectory ", path, " ", DescribeMode(mode)), [&]() -> absl::Status {
        const absl::StatusOr<Found> parent = FindWritableParent(path);
        if (!parent.ok()) return parent.status();
        if (filesystem && parent->filesystem->device != *filesystem) {
          return absl::FailedPreconditionError(
              absl::StrCat(path, " would lie on another filesystem"));
        }
        if (parent->node->children.contains(NameOf(path))) {
          return absl::AlreadyExistsError(absl::StrCat("mkdirat ", path, ": File exists"));
        }
        if (parent->filesystem->full) {
          return absl::ResourceExhaustedError(absl::StrCat(path, ": No space left on device"));
        }
        auto made = std::make_shared<FakeNode>();
        made->mode = mode;
        parent->node->children[NameOf(path)] = std::move(made);
        return absl::OkStatus();
      });
}

absl::Status FakeHost::SetMode(const std::string& path, uint32_t mode) {
  return faults_.Call(absl::StrCat("SetMode ", path, " ", DescribeMode(mode)), [&]() {
    const absl::StatusOr<Found> found = FindDirectory(path);
    if (!found.ok()) return found.status();
    if (found->filesystem->read_only) {
      return absl::FailedPreconditionError(absl::StrCat(path, ": Read-only file system"));
    }
    found->node->mode = mode;
    return absl::OkStatus();
  });
}

absl::Status FakeHost::SetOwner(const std::string& path, std::optional<uint32_t> uid,
                                std::optional<uint32_t> gid) {
  return faults_.Call(absl::StrCat("SetOwner ", path), [&]() -> absl::Status {
    const absl::StatusOr<Found> found = Find(path);
    if (!found.ok()) return found.status();
    if (found->node->type == FileType::kSymlink) {
      return absl::FailedPreconditionError(absl::StrCat(path, " is a symbolic link"));
    }
    if (found->filesystem->read_only) {
      return absl::FailedPreconditionError(absl::StrCat(path, ": Read-only file system"));
    }
    found->node->uid = uid.value_or(found->node->uid);
    found->node->gid = gid.value_or(found->node->gid);
    return absl::OkStatus();
  });
}

absl::Status FakeHost::Rename(const std::string& from, const std::string& to) {
  return faults_.Call(absl::StrCat("Rename ", from, " ", to), [&]() -> absl::Status {
    const absl::StatusOr<Found> source = FindWritableParent(from);
    if (!source.ok()) return source.status();
    const absl::StatusOr<Found> target = FindWritableParent(to);
    if (!target.ok()) return target.status();
    const auto moved = source->node->children.find(NameOf(from));
    if (moved == source->node->children.end()) return NotFound(from);
    if (target->node->children.contains(NameOf(to))) {
      return absl::AlreadyExistsError(absl::StrCat("renameat2 ", to, ": File exists"));
    }
    if (source->filesystem != target->filesystem || MountedAt(from) != nullptr) {
      return absl::FailedPreconditionError(absl::StrCat("renameat2 ", from, ": is a mount"));
    }
    target->node->children[NameOf(to)] = moved->second;
    source->node->children.erase(NameOf(from));
    return absl::OkStatus();
  });
}

absl::Status FakeHost::RemoveTree(const std::string& path) {
  return faults_.Call(absl::StrCat("RemoveTree ", path), [&]() -> absl::Status {
    for (const FakeMount& mount : mounts_) {
      if (IsAtOrBelow(mount.mount_point, path)) {
        return absl::FailedPreconditionError(absl::StrCat("a mount is on ", mount.mount_point));
      }
    }
    const absl::StatusOr<Found> parent = FindWritableParent(path);
    if (absl::IsNotFound(parent.status())) return absl::OkStatus();
    if (!parent.ok()) return parent.status();
    const auto found = parent->node->children.find(NameOf(path));
    if (found == parent->node->children.end()) return absl::OkStatus();
    if (!faults_.halved() || found->second->children.empty()) {
      parent->node->children.erase(found);
    } else {
      found->second->children.erase(found->second->children.begin());
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<TreeSummary> FakeHost::SummarizeTree(const std::string& path) {
  return faults_.Call(absl::StrCat("SummarizeTree ", path), [&]() -> absl::StatusOr<TreeSummary> {
    const absl::StatusOr<Found> found = FindDirectory(path);
    if (!found.ok()) return found.status();
    return SummarizeFakeTree(*found->node);
  });
}

absl::Status FakeHost::SyncFilesystem(const std::string& path) {
  return faults_.Call(absl::StrCat("SyncFilesystem ", path), [&] { return Find(path).status(); });
}

absl::StatusOr<std::vector<ProcessUse>> FakeHost::ProcessesUsing(const std::string& path) {
  using Uses = std::vector<ProcessUse>;
  return faults_.Call(absl::StrCat("ProcessesUsing ", path), [&]() -> absl::StatusOr<Uses> {
    Uses uses;
    for (const ProcessUse& use : processes) {
      if (IsAtOrBelow(use.path, path)) uses.push_back(use);
    }
    return uses;
  });
}

absl::StatusOr<uint32_t> FakeHost::LookUpUser(const std::string& name) {
  return faults_.Call(absl::StrCat("LookUpUser ", name),
                      [&] { return LookUp(users, "user", name); });
}

absl::StatusOr<uint32_t> FakeHost::LookUpGroup(const std::string& name) {
  return faults_.Call(absl::StrCat("LookUpGroup ", name),
                      [&] { return LookUp(groups, "group", name); });
}

absl::StatusOr<std::string> FakeHost::ReadSysctl(const std::string& name) {
  return faults_.Call(absl::StrCat("ReadSysctl ", name), [&]() -> absl::StatusOr<std::string> {
    const auto found = sysctls.find(name);
    if (found != sysctls.end()) return FoldBlanks(found->second);
    return absl::NotFoundError(absl::StrCat("the kernel has no sysctl ", name));
  });
}

absl::Status FakeHost::WriteSysctl(const std::string& name, const std::string& value) {
  return faults_.Call(absl::StrCat("WriteSysctl ", name, " ", value), [&]() -> absl::Status {
    if (!sysctls.contains(name)) return absl::NotFoundError(name);
    if (refused_sysctls.contains(name)) {
      return absl::InvalidArgumentError(absl::StrCat("write ", name, ": Invalid argument"));
    }
    if (!ignored_sysctls.contains(name)) sysctls[name] = value;
    return absl::OkStatus();
  });
}

}  // namespace bpa::executor

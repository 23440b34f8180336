// Arranging FakeHost, and looking at it, from tests.

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/executor/path.h"
#include "tests/fakes/fake_host.h"

namespace bpa::executor {

FakeNode& FakeHost::Arrange(const std::string& path) {
  std::shared_ptr<FakeNode> node = mounts_.front().filesystem->root;
  std::string current;
  for (const std::string& name : std::vector<std::string>(absl::StrSplit(path.substr(1), '/'))) {
    std::shared_ptr<FakeNode>& child = node->children[name];
    if (child == nullptr) child = std::make_shared<FakeNode>();
    absl::StrAppend(&current, "/", name);
    const auto mounted = MountedAt(current);
    node = mounted != nullptr ? mounted->root : child;
  }
  return *node;
}

void FakeHost::AddDirectory(const std::string& path, uint32_t mode, uint32_t uid, uint32_t gid) {
  FakeNode& node = Arrange(path);
  node.mode = mode;
  node.uid = uid;
  node.gid = gid;
}

void FakeHost::AddFile(const std::string& path, const std::string& content, uint32_t mode) {
  FakeNode& node = Arrange(path);
  node.type = FileType::kRegular;
  node.mode = mode;
  node.content = content;
}

void FakeHost::AddLink(const std::string& path, const std::string& target) {
  FakeNode& node = Arrange(path);
  node.type = FileType::kSymlink;
  node.mode = 0777;
  node.content = target;
}

void FakeHost::Remove(const std::string& path) {
  Arrange(ParentOf(path)).children.erase(path.substr(path.rfind('/') + 1));
}

FakeDisk& FakeHost::AddDisk(const std::string& node, const std::string& serial,
                            uint64_t size_bytes) {
  FakeDisk disk;
  disk.disk = {.node = node,
               .device_number = ++next_device_,
               .serial = serial,
               .model = serial.empty() ? "" : "Amazon Elastic Block Store",
               .size_bytes = size_bytes};
  disks_.push_back(std::move(disk));
  return disks_.back();
}

FakeFilesystem& FakeHost::Fill(FakeDisk& disk, Filesystem filesystem, const std::string& uuid) {
  disk.content = DiskContent::kFilesystem;
  disk.filesystem = std::make_shared<FakeFilesystem>();
  disk.filesystem->device = disk.disk.device_number;
  disk.filesystem->type = std::string(FilesystemName(filesystem));
  disk.filesystem->uuid = uuid;
  disk.filesystem->source = disk.disk.node;
  disk.filesystem->bytes = disk.disk.size_bytes;
  return *disk.filesystem;
}

void FakeHost::Mount(FakeDisk& disk, const std::string& mount_point) {
  Arrange(mount_point);
  mounts_.push_back({mount_point, disk.filesystem});
}

FakeFilesystem& FakeHost::MountForeign(const std::string& source, const std::string& mount_point) {
  Arrange(mount_point);
  auto filesystem = std::make_shared<FakeFilesystem>();
  filesystem->device = ++next_device_;
  filesystem->type = "nfs4";
  filesystem->source = source;
  mounts_.push_back({mount_point, filesystem});
  return *filesystem;
}

void FakeHost::Unmount(const std::string& mount_point) {
  for (auto mount = mounts_.rbegin(); mount != mounts_.rend(); ++mount) {
    if (mount->mount_point == mount_point) {
      mounts_.erase(std::next(mount).base());
      return;
    }
  }
}

FakeFilesystem& FakeHost::FilesystemAt(const std::string& path) {
  return *Find(path).value().filesystem;
}

std::optional<std::string> FakeHost::Content(const std::string& path) const {
  const absl::StatusOr<Found> found = Find(path);
  if (!found.ok() || found->node->type == FileType::kDirectory) return std::nullopt;
  return found->node->content;
}

std::optional<FileInfo> FakeHost::Info(const std::string& path) const {
  const absl::StatusOr<Found> found = Find(path);
  if (!found.ok()) return std::nullopt;
  return FileInfo{found->node->type, found->node->mode, found->node->uid, found->node->gid,
                  found->filesystem->device};
}

std::string FakeHost::Snapshot() const {
  std::string text;
  std::set<const FakeFilesystem*> shown;
  const auto show = [&](const FakeFilesystem& filesystem) {
    if (!shown.insert(&filesystem).second) return;
    absl::StrAppend(&text, filesystem.source, " ", filesystem.type, " ", filesystem.uuid, " ",
                    filesystem.bytes, "\n", DescribeFakeTree(*filesystem.root, ""));
  };
  for (const FakeMount& mount : mounts_) {
    absl::StrAppend(&text, "mount ", mount.filesystem->source, " ", mount.mount_point, "\n");
  }
  for (const FakeMount& mount : mounts_) show(*mount.filesystem);
  for (const FakeDisk& disk : disks_) {
    absl::StrAppend(&text, "disk ", disk.disk.node, " ", static_cast<int>(disk.content), " ",
                    disk.description, "\n");
    if (disk.filesystem != nullptr) show(*disk.filesystem);
  }
  for (const auto& [name, value] : sysctls) absl::StrAppend(&text, name, " = ", value, "\n");
  return text;
}

}  // namespace bpa::executor

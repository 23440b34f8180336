// FakeHost's disks, mounts and migration.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/executor/fstab.h"
#include "tests/fakes/fake_host.h"

namespace bpa::executor {
namespace {

Filesystem KindOf(const FakeFilesystem& filesystem) {
  return filesystem.type == "ext4" ? Filesystem::kExt4 : Filesystem::kXfs;
}

}  // namespace

absl::StatusOr<std::vector<Disk>> FakeHost::ListDisks() {
  return faults_.Call("ListDisks", [&]() -> absl::StatusOr<std::vector<Disk>> {
    std::vector<Disk> disks;
    for (const FakeDisk& disk : disks_) {
      if (disk.pauses_until_attached == 0 && !disk.disk.serial.empty()) disks.push_back(disk.disk);
    }
    return disks;
  });
}

absl::StatusOr<Disk> FakeHost::FindDisk(const std::string& node) {
  return faults_.Call(absl::StrCat("FindDisk ", node), [&]() -> absl::StatusOr<Disk> {
    for (const FakeDisk& disk : disks_) {
      if (disk.disk.node == node && disk.pauses_until_attached == 0) return disk.disk;
    }
    return absl::NotFoundError(absl::StrCat("there is no ", node));
  });
}

absl::StatusOr<FakeDisk*> FakeHost::Open(const Disk& disk) {
  for (FakeDisk& candidate : disks_) {
    if (candidate.disk == disk && candidate.pauses_until_attached == 0) return &candidate;
  }
  return absl::FailedPreconditionError(absl::StrCat(disk.node, " is another disk by now"));
}

absl::StatusOr<DiskProbe> FakeHost::ProbeDisk(const Disk& disk) {
  return faults_.Call(absl::StrCat("ProbeDisk ", disk.node), [&]() -> absl::StatusOr<DiskProbe> {
    const absl::StatusOr<FakeDisk*> opened = Open(disk);
    if (!opened.ok()) return opened.status();
    if (!(*opened)->trouble.ok()) return (*opened)->trouble;
    DiskProbe probe{.content = (*opened)->content};
    probe.description = (*opened)->description;
    if (probe.content == DiskContent::kFilesystem) {
      probe.filesystem = KindOf(*(*opened)->filesystem);
      probe.uuid = (*opened)->filesystem->uuid;
      probe.filesystem_bytes = (*opened)->filesystem->bytes;
    }
    return probe;
  });
}

absl::Status FakeHost::CheckMayFormat(const FakeDisk& disk, const std::string& uuid,
                                      bool resume) const {
  if (!disk.trouble.ok()) return disk.trouble;
  for (const FakeMount& mount : mounts_) {
    if (mount.filesystem == disk.filesystem) {
      return absl::FailedPreconditionError(absl::StrCat(disk.disk.node, " is mounted"));
    }
  }
  const bool half_made = resume && disk.content == DiskContent::kOther &&
                         disk.description == "data without a signature";
  const bool own =
      resume && disk.content == DiskContent::kFilesystem && disk.filesystem->uuid == uuid;
  if (disk.content == DiskContent::kBlank || half_made || own) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(disk.disk.node, " is not blank"));
}

absl::Status FakeHost::Format(const Disk& disk, Filesystem filesystem, const std::string& uuid,
                              bool resume_unfinished) {
  return faults_.Call(absl::StrCat("Format ", disk.node), [&]() -> absl::Status {
    const absl::StatusOr<FakeDisk*> opened = Open(disk);
    if (!opened.ok()) return opened.status();
    absl::Status may = CheckMayFormat(**opened, uuid, resume_unfinished);
    if (!may.ok()) return may;
    if (faults_.halved()) {
      (*opened)->content = DiskContent::kOther;
      (*opened)->description = "data without a signature";
      return absl::OkStatus();
    }
    Fill(**opened, filesystem, uuid);
    return absl::OkStatus();
  });
}

absl::StatusOr<uint64_t> FakeHost::MountedFilesystemSize(const std::string& mount_point) {
  return faults_.Call(absl::StrCat("MountedFilesystemSize ", mount_point),
                      [&]() -> absl::StatusOr<uint64_t> {
                        const auto mounted = MountedAt(mount_point);
                        if (mounted != nullptr) return mounted->bytes;
                        return absl::FailedPreconditionError("not mounted");
                      });
}

absl::StatusOr<FilesystemRoom> FakeHost::MeasureRoom(const std::string& mount_point) {
  return faults_.Call(absl::StrCat("MeasureRoom ", mount_point),
                      [&]() -> absl::StatusOr<FilesystemRoom> {
                        const auto mounted = MountedAt(mount_point);
                        if (mounted == nullptr) return absl::NotFoundError("not mounted");
                        return FilesystemRoom{.bytes = mounted->bytes,
                                              .available_bytes = mounted->bytes / 2,
                                              .inodes = 1000,
                                              .available_inodes = 990};
                      });
}

absl::StatusOr<std::string> FakeHost::ReadLogPage(const Disk& disk, uint8_t page) {
  return faults_.Call(absl::StrCat("ReadLogPage ", disk.node),
                      [&]() -> absl::StatusOr<std::string> {
                        const absl::StatusOr<FakeDisk*> opened = Open(disk);
                        if (!opened.ok()) return opened.status();
                        const auto found = (*opened)->log_pages.find(page);
                        if (found != (*opened)->log_pages.end()) return found->second;
                        return absl::NotFoundError(absl::StrCat(disk.node, " has no such page"));
                      });
}

absl::Status FakeHost::Grow(const std::string& mount_point) {
  return faults_.Call(absl::StrCat("Grow ", mount_point), [&]() -> absl::Status {
    const auto mounted = MountedAt(mount_point);
    for (const FakeDisk& disk : disks_) {
      if (mounted != nullptr && disk.filesystem == mounted) {
        mounted->bytes = disk.disk.size_bytes;
        return absl::OkStatus();
      }
    }
    return absl::FailedPreconditionError("no disk is mounted there");
  });
}

absl::StatusOr<Migration> FakeHost::Migrate(const std::string& directory, const Disk& disk,
                                            Filesystem filesystem, FakeCopy copy) {
  const absl::StatusOr<FakeDisk*> opened = Open(disk);
  if (!opened.ok()) return opened.status();
  const auto& target = (*opened)->filesystem;
  if ((*opened)->content != DiskContent::kFilesystem || KindOf(*target) != filesystem) {
    return absl::FailedPreconditionError(absl::StrCat(disk.node, " has no such filesystem"));
  }
  const absl::StatusOr<Found> source = FindDirectory(directory);
  if (!source.ok()) return source.status();
  FakeCopy preview;
  CopyFakeTree(*source->node, *target->root, "", preview);
  if (!copy.write || !preview.done.conflicts.empty()) return preview.done;
  if (target->full) return absl::ResourceExhaustedError("No space left on device");
  if (faults_.halved()) copy.limit = preview.done.entries / 2;
  CopyFakeTree(*source->node, *target->root, "", copy);
  return copy.done;
}

absl::StatusOr<Migration> FakeHost::PreviewMigration(const std::string& directory, const Disk& disk,
                                                     Filesystem filesystem) {
  return faults_.Call(absl::StrCat("PreviewMigration ", directory),
                      [&] { return Migrate(directory, disk, filesystem, {.write = false}); });
}

absl::StatusOr<Migration> FakeHost::MigrateTree(const std::string& directory, const Disk& disk,
                                                Filesystem filesystem) {
  return faults_.Call(absl::StrCat("MigrateTree ", directory), [&] {
    if (during_migration) during_migration();
    return Migrate(directory, disk, filesystem, {.write = true});
  });
}

absl::StatusOr<std::vector<MountEntry>> FakeHost::ReadMounts() {
  return faults_.Call("ReadMounts", [&]() -> absl::StatusOr<std::vector<MountEntry>> {
    std::vector<MountEntry> entries;
    for (const FakeMount& mount : mounts_) {
      entries.push_back({.device_number = mount.filesystem->device,
                         .root = "/",
                         .mount_point = mount.mount_point,
                         .filesystem = mount.filesystem->type,
                         .source = mount.filesystem->source,
                         .options = "rw,relatime"});
    }
    return entries;
  });
}

absl::Status FakeHost::MountFromFstab(const std::string& mount_point) {
  return faults_.Call(absl::StrCat("MountFromFstab ", mount_point), [&]() -> absl::Status {
    if (!mount_failure.ok()) return mount_failure;
    const absl::StatusOr<std::vector<FstabEntry>> entries =
        ParseFstab(Content("/etc/fstab").value_or(""));
    if (!entries.ok()) return entries.status();
    for (const FstabEntry& entry : *entries) {
      if (entry.mount_point == mount_point) return MountUuid(entry.spec, entry.type, mount_point);
    }
    return absl::NotFoundError(absl::StrCat("/etc/fstab says nothing of ", mount_point));
  });
}

absl::Status FakeHost::MountUuid(const std::string& spec, const std::string& type,
                                 const std::string& mount_point) {
  const absl::StatusOr<Found> at = FindDirectory(mount_point);
  if (!at.ok()) return at.status();
  for (FakeDisk& disk : disks_) {
    if (disk.pauses_until_attached != 0 || disk.content != DiskContent::kFilesystem) continue;
    if (spec != absl::StrCat("UUID=", disk.filesystem->uuid)) continue;
    if (disk.filesystem->type != type) return absl::FailedPreconditionError("wrong fs type");
    Mount(disk, mount_point);
    return absl::OkStatus();
  }
  return absl::NotFoundError(absl::StrCat("can't find ", spec));
}

void FakeHost::Pause(absl::Duration duration) {
  pauses.push_back(duration);
  for (FakeDisk& disk : disks_) {
    disk.pauses_until_attached = std::max(0, disk.pauses_until_attached - 1);
  }
}

}  // namespace bpa::executor

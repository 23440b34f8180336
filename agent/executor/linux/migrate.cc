// Moving a directory's contents onto the volume that is about to be mounted over it.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/executor/linux/attributes.h"
#include "agent/executor/linux/detached_mount.h"
#include "agent/executor/linux/directory_names.h"
#include "agent/executor/linux/migration_survey.h"
#include "agent/executor/linux/open_disk.h"
#include "agent/executor/linux/paths.h"
#include "agent/executor/linux/remove_below.h"
#include "agent/executor/linux/staged_copy.h"
#include "agent/executor/linux/tree_walk.h"
#include "agent/executor/linux_host.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

// Locked against probes and udev for as long as it lives; the mount goes first.
struct OpenVolume {
  FileDescriptor disk;
  DetachedMount mount;
};

absl::StatusOr<OpenVolume> OpenVolumeFor(const Disk& disk, Filesystem filesystem,
                                         MountAccess access) {
  absl::StatusOr<FileDescriptor> fd = OpenDisk(disk, O_RDONLY);
  if (!fd.ok()) return fd.status();
  if (absl::Status s = LockDescriptor(fd->get(), LOCK_EX, disk.node); !s.ok()) return s;
  if (absl::Status s = CheckNotInUse(disk, fd->get(), MountedIs::kInUse); !s.ok()) return s;
  absl::StatusOr<DetachedMount> mount =
      DetachedMount::Make(fd->get(), filesystem, access, disk.node);
  if (!mount.ok()) return mount.status();
  return OpenVolume{*std::move(fd), *std::move(mount)};
}

absl::Status CheckRoom(int volume, const MigrationSurvey& survey, const std::string& directory) {
  struct statfs room = {};
  if (fstatfs(volume, &room) != 0) return ErrnoStatus(errno, "fstatfs", "the volume");
  const uint64_t free_bytes = room.f_bavail * static_cast<uint64_t>(room.f_bsize);
  if (survey.allocated_bytes > free_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("what is in ", directory, " takes ", survey.allocated_bytes,
                     " bytes and the volume has ", free_bytes, " free; enlarge the volume"));
  }
  if (room.f_files != 0 && survey.migration.entries > room.f_ffree) {
    return absl::ResourceExhaustedError(absl::StrCat(
        directory, " has ", survey.migration.entries, " entries to migrate and the volume only ",
        room.f_ffree, " free inodes; enlarge the volume"));
  }
  return absl::OkStatus();
}

// The root of a fresh filesystem takes over from the directory that it will cover; that of a
// volume with data stays as it is.
absl::Status AdoptRootAttributes(int source, int volume, const std::string& directory) {
  absl::StatusOr<std::vector<std::string>> names = DirectoryNames(volume, "the volume");
  if (!names.ok()) return names.status();
  names->erase(std::remove(names->begin(), names->end(), "lost+found"), names->end());
  if (!names->empty()) return absl::OkStatus();
  return CopyOwnerModeAndXattrs(source, volume, directory);
}

absl::Status CopyThroughStaging(int source, int volume, const std::string& directory) {
  if (mkdirat(volume, kStagingName, 0700) != 0) {
    return ErrnoStatus(errno, "mkdirat", absl::StrCat("the volume's ", kStagingName));
  }
  absl::StatusOr<FileDescriptor> staging =
      OpenBelow(volume, kStagingName, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, kStagingName);
  if (!staging.ok()) return staging.status();
  StagedCopy copy(volume, staging->get(), directory);
  if (absl::Status s = WalkTree(source, directory, copy); !s.ok()) return s;
  return copy.Finish();
}

absl::Status CheckComplete(int source, int volume, const std::string& directory) {
  absl::StatusOr<MigrationSurvey> after = SurveyMigration(source, volume, directory);
  if (!after.ok()) return after.status();
  if (after->migration.entries == 0 && after->migration.conflicts.empty()) return absl::OkStatus();
  return absl::AbortedError(
      absl::StrCat(directory, " and its copy on the volume differ (",
                   after->migration.conflicts.empty()
                       ? absl::StrCat(after->migration.entries, " entries are new")
                       : absl::StrJoin(after->migration.conflicts, ", "),
                   "): something writes there; stop it and run again"));
}

absl::Status Copy(int source, int volume, const std::string& directory) {
  if (absl::Status s = AdoptRootAttributes(source, volume, directory); !s.ok()) return s;
  absl::Status copied = CopyThroughStaging(source, volume, directory);
  absl::Status cleaned = RemoveBelow(volume, kStagingName, kStagingName);
  if (!copied.ok()) return copied;
  if (!cleaned.ok()) return cleaned;
  if (absl::Status s = SetDirectoryTimes(source, volume, directory); !s.ok()) return s;
  if (syncfs(volume) != 0) return ErrnoStatus(errno, "syncfs", "the volume");
  return CheckComplete(source, volume, directory);
}

}  // namespace

absl::StatusOr<Migration> LinuxHost::PreviewMigration(const std::string& directory,
                                                      const Disk& disk, Filesystem filesystem) {
  absl::StatusOr<FileDescriptor> source = OpenPath(directory, O_RDONLY | O_DIRECTORY);
  if (!source.ok()) return source.status();
  absl::StatusOr<OpenVolume> volume = OpenVolumeFor(disk, filesystem, MountAccess::kReadOnly);
  if (!volume.ok()) return volume.status();
  absl::StatusOr<MigrationSurvey> survey =
      SurveyMigration(source->get(), volume->mount.root(), directory);
  if (!survey.ok()) return survey.status();
  return std::move(survey->migration);
}

absl::StatusOr<Migration> LinuxHost::MigrateTree(const std::string& directory, const Disk& disk,
                                                 Filesystem filesystem) {
  absl::StatusOr<FileDescriptor> source = OpenPath(directory, O_RDONLY | O_DIRECTORY);
  if (!source.ok()) return source.status();
  absl::StatusOr<OpenVolume> volume = OpenVolumeFor(disk, filesystem, MountAccess::kReadWrite);
  if (!volume.ok()) return volume.status();
  const int root = volume->mount.root();
  absl::StatusOr<MigrationSurvey> survey = SurveyMigration(source->get(), root, directory);
  if (!survey.ok()) return survey.status();
  if (!survey->migration.conflicts.empty()) return std::move(survey->migration);
  // A crash left it: the copies in it have no names yet.
  if (absl::Status s = RemoveBelow(root, kStagingName, kStagingName); !s.ok()) return s;
  if (absl::Status s = CheckRoom(root, *survey, directory); !s.ok()) return s;
  if (absl::Status s = Copy(source->get(), root, directory); !s.ok()) return s;
  survey->migration.active = std::make_shared<const DetachedMount>(std::move(volume->mount));
  return std::move(survey->migration);
}

}  // namespace bpa::executor

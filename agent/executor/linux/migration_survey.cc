#include "agent/executor/linux/migration_survey.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "agent/executor/linux/mountinfo.h"
#include "agent/executor/linux/paths.h"
#include "agent/executor/linux/same_entry.h"
#include "agent/executor/linux/tree_walk.h"
#include "agent/executor/path.h"

namespace bpa::executor {
namespace {

constexpr size_t kMaxConflicts = 20;
constexpr uint64_t kMissing = 0;  // no inode has this number

class Surveyor final : public TreeVisitor {
 public:
  Surveyor(int volume, const std::string& shown) : volume_(volume), shown_(shown) {}

  absl::Status Visit(const TreeEntry& entry) override {
    const std::string shown = absl::StrCat(shown_, "/", entry.path);
    if (S_ISSOCK(entry.info.stx_mode)) {
      return absl::FailedPreconditionError(absl::StrCat(
          shown, " is a socket, which cannot be migrated; stop what listens on it and remove it"));
    }
    if (entry.path == kStagingName) {
      return absl::FailedPreconditionError(
          absl::StrCat(shown, " has the name of the migration's own directory; rename it"));
    }
    if (!conflicting_.empty() && IsAtOrBelow(entry.path, conflicting_)) return absl::OkStatus();
    if (!missing_.empty() && IsAtOrBelow(entry.path, missing_)) return Missing(entry);
    absl::StatusOr<FileDescriptor> target =
        OpenBelow(volume_, entry.path, O_PATH | O_NOFOLLOW, "the volume's " + entry.path);
    if (absl::IsNotFound(target.status())) {
      if (S_ISDIR(entry.info.stx_mode)) missing_ = entry.path;
      return Missing(entry);
    }
    if (!target.ok()) return target.status();
    return Present(entry, target->get(), shown);
  }
  absl::Status Leave(const TreeEntry&) override { return absl::OkStatus(); }

  MigrationSurvey Take() { return std::move(survey_); }

 private:
  absl::Status Missing(const TreeEntry& entry) {
    ++survey_.migration.entries;
    if (!S_ISREG(entry.info.stx_mode)) return absl::OkStatus();
    if (HasSeveralNames(entry) && !LinkedTo(entry, kMissing).first) return absl::OkStatus();
    survey_.migration.bytes += entry.info.stx_size;
    survey_.allocated_bytes += entry.info.stx_blocks * 512;
    return absl::OkStatus();
  }

  absl::Status Present(const TreeEntry& entry, int target, const std::string& shown) {
    absl::StatusOr<struct stat> info = StatDescriptor(target, shown);
    if (!info.ok()) return info.status();
    if ((info->st_mode & S_IFMT) != (entry.info.stx_mode & S_IFMT)) return Conflict(entry);
    if (HasSeveralNames(entry)) {
      const auto [first, inode] = LinkedTo(entry, info->st_ino);
      if (!first && inode != info->st_ino) return Conflict(entry);
    }
    absl::StatusOr<FileDescriptor> ours =
        OpenEntry(entry.parent, entry.name, entry.info.stx_mode, shown);
    if (absl::IsNotFound(ours.status())) return absl::OkStatus();
    if (!ours.ok()) return ours.status();
    absl::StatusOr<FileDescriptor> theirs = OpenEntry(volume_, entry.path, info->st_mode, shown);
    if (!theirs.ok()) return theirs.status();
    // From the disk and not from memory, as far as the kernel can: what was written must be there.
    posix_fadvise(theirs->get(), 0, 0, POSIX_FADV_DONTNEED);
    absl::StatusOr<bool> same = SameEntry(ours->get(), theirs->get(), shown);
    if (!same.ok()) return same.status();
    return *same ? absl::OkStatus() : Conflict(entry);
  }

  absl::Status Conflict(const TreeEntry& entry) {
    if (S_ISDIR(entry.info.stx_mode)) conflicting_ = entry.path;
    std::vector<std::string>& conflicts = survey_.migration.conflicts;
    if (conflicts.size() < kMaxConflicts) conflicts.push_back(entry.path);
    return absl::OkStatus();
  }

  static bool HasSeveralNames(const TreeEntry& entry) {
    return S_ISREG(entry.info.stx_mode) && entry.info.stx_nlink > 1;
  }
  // Whether this is the first name of its file, and the volume's inode for that first name.
  std::pair<bool, uint64_t> LinkedTo(const TreeEntry& entry, uint64_t inode) {
    const auto [place, first] = links_.emplace(entry.info.stx_ino, inode);
    return {first, place->second};
  }

  const int volume_;
  const std::string& shown_;
  MigrationSurvey survey_;
  std::string missing_;      // the directory last found missing: nothing below it is there
  std::string conflicting_;  // the directory last found to conflict
  std::map<uint64_t, uint64_t> links_;
};

}  // namespace

absl::StatusOr<MigrationSurvey> SurveyMigration(int source, int volume, const std::string& shown) {
  Surveyor surveyor(volume, shown);
  if (absl::Status s = WalkTree(source, shown, surveyor); !s.ok()) return s;
  return surveyor.Take();
}

}  // namespace bpa::executor

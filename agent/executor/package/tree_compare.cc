#include "agent/executor/package/tree_compare.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/executor/describe.h"
#include "agent/executor/linux/directory_names.h"
#include "agent/executor/linux/tree_walk.h"
#include "agent/executor/package/directory_cursor.h"
#include "agent/executor/package/tree_builder.h"
#include "proto/manifest_reader.h"

namespace bpa::executor {
namespace {

constexpr uint64_t kEntriesPerTick = 256;

const char* TypeName(uint16_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISREG(mode)) return "a file";
  return S_ISLNK(mode) ? "a symbolic link" : "a device, pipe or socket";
}

const char* TypeName(EntryType type) {
  if (type == EntryType::kDirectory) return "a directory";
  return type == EntryType::kFile ? "a file" : "a symbolic link";
}

bool IsOfType(const struct statx& info, EntryType type) {
  if (type == EntryType::kDirectory) return S_ISDIR(info.stx_mode);
  return type == EntryType::kFile ? S_ISREG(info.stx_mode) : S_ISLNK(info.stx_mode);
}

bool IsBelow(std::string_view path, std::string_view directory) {
  return directory.empty() || (path.size() > directory.size() && path.starts_with(directory) &&
                               path[directory.size()] == '/');
}

// A directory on the way to where the walk stands.
struct Level {
  std::string path;
  std::vector<std::string> names;  // in the manifest's order; empty when not listed
  size_t next = 0;
};

class Comparison {
 public:
  Comparison(int root, const std::string& shown, const CompareOptions& options)
      : options_(options), cursor_(root, shown) {}

  absl::Status Run(int manifest) {
    absl::StatusOr<std::unique_ptr<ManifestReader>> reader = ManifestReader::Open(manifest);
    if (!reader.ok()) return reader.status();
    reader_ = *std::move(reader);
    for (uint64_t count = 0;; ++count) {
      absl::StatusOr<std::optional<ManifestEntry>> entry = reader_->Next();
      if (!entry.ok()) return entry.status();
      absl::Status s = *entry ? Visit(**entry) : LeaveAll();
      if (!s.ok() || !*entry) return s;
      if (options_.tick && count % kEntriesPerTick == 0) {
        if (s = options_.tick(); !s.ok()) return s;
      }
    }
  }

 private:
  absl::Status Visit(const ManifestEntry& entry) {
    std::optional<EntryStamp> recorded;
    if (options_.record != nullptr) {
      const absl::StatusOr<EntryStamp> stamp = options_.record->Next();
      if (!stamp.ok()) return stamp.status();
      recorded = *stamp;
    }
    if (passed_over_ && IsBelow(entry.path, *passed_over_)) return absl::OkStatus();
    while (!levels_.empty() && !IsBelow(entry.path, levels_.back().path)) {
      if (absl::Status s = Leave(); !s.ok()) return s;
    }
    const absl::StatusOr<EntryPlace> place = cursor_.Find(entry.path);
    if (absl::IsNotFound(place.status())) return Missing(entry);
    if (!place.ok()) return place.status();
    if (absl::Status s = NoteSeen(place->name); !s.ok()) return s;
    if (options_.finish_directories && entry.type == EntryType::kDirectory) {
      absl::Status s =
          SetAttributes(*place, entry, options_.uid, options_.gid, cursor_.Shown(entry.path));
      if (!s.ok()) return s;
    }
    const absl::StatusOr<struct statx> info =
        StatEntry(place->directory, place->name, cursor_.Shown(entry.path));
    if (absl::IsNotFound(info.status())) return Missing(entry);
    if (!info.ok()) return info.status();
    return Compare(entry, *place, *info, recorded);
  }

  absl::Status Compare(const ManifestEntry& entry, const EntryPlace& place,
                       const struct statx& info, const std::optional<EntryStamp>& recorded) {
    if (options_.found != nullptr) ++*options_.found;
    if (options_.write_record != nullptr) {
      if (absl::Status s = options_.write_record->Add(StampOf(info)); !s.ok()) return s;
    }
    const bool untouched = recorded && !options_.everything && IsUntouched(entry, info, *recorded);
    if (!untouched) {
      if (!IsOfType(info, entry.type)) {
        PassOver(entry);
        return Differs({.path = entry.path,
                        .before = TypeName(info.stx_mode),
                        .after = TypeName(entry.type),
                        .in_the_way = true});
      }
      if (absl::Status s = CompareAttributes(entry, place, info, recorded); !s.ok()) return s;
    }
    if (entry.type == EntryType::kDirectory) return Enter(entry, place, !untouched);
    if (entry.type == EntryType::kFile && !untouched && options_.content != nullptr) {
      return AddContent(entry, place, info);
    }
    return absl::OkStatus();
  }

  static bool IsUntouched(const ManifestEntry& entry, const struct statx& info,
                          const EntryStamp& recorded) {
    EntryStamp now = StampOf(info);
    if (entry.path.empty()) {  // the renames of publication change the root's
      now.ctime_seconds = recorded.ctime_seconds;
      now.ctime_nanoseconds = recorded.ctime_nanoseconds;
      // On some filesystems a directory's size says nothing, but there it does not change either.
    }
    return now == recorded;
  }

  absl::Status CompareAttributes(const ManifestEntry& entry, const EntryPlace& place,
                                 const struct statx& info,
                                 const std::optional<EntryStamp>& recorded) {
    if (options_.unfinished && entry.type != EntryType::kSymlink) return absl::OkStatus();
    std::vector<std::string> before, after;
    const auto compare = [&](const char* what, const auto& present, const auto& wanted) {
      if (present == wanted) return;
      before.push_back(absl::StrCat(what, " ", present));
      after.push_back(absl::StrCat(what, " ", wanted));
    };
    const bool link = entry.type == EntryType::kSymlink;
    if (link) {
      const absl::StatusOr<std::string> target = TargetOf(place, cursor_.Shown(entry.path));
      if (!target.ok()) return target.status();
      compare("link to", QuotedPath(*target), QuotedPath(entry.target));
    }
    if (!options_.unfinished) {
      if (!link) compare("mode", DescribeMode(info.stx_mode & 07777), DescribeMode(entry.mode));
      compare("owner", info.stx_uid, options_.uid);
      compare("group", info.stx_gid, options_.gid);
    }
    if (entry.type == EntryType::kFile) {
      compare("size", info.stx_size, entry.size);
      if (recorded && (recorded->mtime_seconds != info.stx_mtime.tv_sec ||
                       recorded->mtime_nanoseconds != info.stx_mtime.tv_nsec)) {
        before.push_back("another modification time");
        after.push_back("the time it was published with");
      }
    }
    if (before.empty()) return absl::OkStatus();
    return Differs({.path = entry.path,
                    .before = absl::StrJoin(before, ", "),
                    .after = absl::StrJoin(after, ", "),
                    .in_the_way = link});
  }

  static absl::StatusOr<std::string> TargetOf(const EntryPlace& place, const std::string& shown) {
    const absl::StatusOr<FileDescriptor> link =
        OpenBelow(place.directory, place.name, O_PATH | O_NOFOLLOW, shown);
    if (!link.ok()) return link.status();
    return LinkTarget(link->get(), shown);
  }

  absl::Status AddContent(const ManifestEntry& entry, const EntryPlace& place,
                          const struct statx& info) {
    // What has the wrong size has been named already.
    if (!options_.unfinished && info.stx_size != entry.size) return absl::OkStatus();
    absl::StatusOr<FileDescriptor> opened =
        OpenBelow(place.directory, place.name, O_RDONLY | O_NOFOLLOW | O_NOATIME | O_NONBLOCK,
                  cursor_.Shown(entry.path));
    if (!opened.ok()) return opened.status();
    const auto file = std::make_shared<CheckedFile>(*std::move(opened), entry.path);
    for (;;) {
      const absl::StatusOr<std::optional<ManifestSegment>> segment = reader_->NextSegment();
      if (!segment.ok()) return segment.status();
      if (!*segment) return absl::OkStatus();
      options_.content->Add(file, **segment);
      if (options_.tick) {
        if (absl::Status s = options_.tick(); !s.ok()) return s;
      }
    }
  }

  absl::Status Enter(const ManifestEntry& entry, const EntryPlace& place, bool list) {
    Level level{.path = entry.path};
    if (list) {
      const std::string shown = cursor_.Shown(entry.path);
      const absl::StatusOr<FileDescriptor> directory =
          OpenBelow(place.directory, place.name.empty() ? "." : place.name,
                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW, shown);
      if (!directory.ok()) return directory.status();
      absl::StatusOr<std::vector<std::string>> names = DirectoryNames(directory->get(), shown);
      if (!names.ok()) return names.status();
      level.names = *std::move(names);
    }
    levels_.push_back(std::move(level));
    return absl::OkStatus();
  }

  // Names come in the manifest's order here and there: what is passed is extra.
  absl::Status NoteSeen(const std::string& name) {
    if (levels_.empty()) return absl::OkStatus();
    Level& level = levels_.back();
    while (level.next < level.names.size() && level.names[level.next] < name) {
      if (absl::Status s = Extra(level); !s.ok()) return s;
    }
    if (level.next < level.names.size() && level.names[level.next] == name) ++level.next;
    return absl::OkStatus();
  }

  absl::Status Extra(Level& level) {
    const std::string& name = level.names[level.next++];
    return Differs({.path = level.path.empty() ? name : absl::StrCat(level.path, "/", name),
                    .before = "extra",
                    .after = "absent",
                    .in_the_way = true});
  }

  absl::Status Leave() {
    Level& level = levels_.back();
    while (level.next < level.names.size()) {
      if (absl::Status s = Extra(level); !s.ok()) return s;
    }
    levels_.pop_back();
    return absl::OkStatus();
  }

  absl::Status LeaveAll() {
    while (!levels_.empty()) {
      if (absl::Status s = Leave(); !s.ok()) return s;
    }
    return absl::OkStatus();
  }

  absl::Status Missing(const ManifestEntry& entry) {
    PassOver(entry);
    if (options_.unfinished) return absl::OkStatus();
    return Differs({.path = entry.path, .before = "missing", .after = TypeName(entry.type)});
  }

  void PassOver(const ManifestEntry& entry) {
    if (entry.type == EntryType::kDirectory) passed_over_ = entry.path;
  }

  absl::Status Differs(const TreeDifference& difference) { return options_.differs(difference); }

  const CompareOptions& options_;
  DirectoryCursor cursor_;
  std::unique_ptr<ManifestReader> reader_;
  std::vector<Level> levels_;
  // A directory that is not there: nothing below it is named.
  std::optional<std::string> passed_over_;
};

}  // namespace

absl::Status CompareTree(int manifest, int root, const std::string& shown,
                         const CompareOptions& options) {
  return Comparison(root, shown, options).Run(manifest);
}

}  // namespace bpa::executor

#include "agent/executor/package/publish.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/executor/package/tree_builder.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

constexpr char kMarker[] = "incoming/publishing";
constexpr char kKeep[] = "keep";
constexpr char kRemove[] = "remove";
constexpr size_t kMaxMarkerBytes = 128;

// What publication has set out to do.
struct Marker {
  RootId root;
  bool keep_previous = false;
};

absl::Status WriteMarker(const Site& site, const Marker& marker) {
  const absl::StatusOr<FileDescriptor> file = CreateInStore(site, kMarker);
  if (!file.ok()) return file.status();
  return WriteAt(file->get(),
                 absl::StrCat(marker.root.inode, " ", marker.root.birth_seconds, " ",
                              marker.root.birth_nanoseconds, " ",
                              marker.keep_previous ? kKeep : kRemove, "\n"),
                 0, ShownInStore(site, kMarker));
}

// Nothing when there is none; a marker that is not whole was never acted upon.
absl::StatusOr<std::optional<Marker>> ReadMarker(const Site& site) {
  if (!site.store.valid()) return std::nullopt;
  const absl::StatusOr<FileDescriptor> file = OpenInStore(site, kMarker, O_RDONLY);
  if (absl::IsNotFound(file.status())) return std::nullopt;
  if (!file.ok()) return file.status();
  const absl::StatusOr<std::string> text =
      ReadDescriptor(file->get(), kMaxMarkerBytes, ShownInStore(site, kMarker));
  if (!text.ok()) return text.status();
  const std::vector<std::string> words = absl::StrSplit(*text, ' ');
  Marker marker;
  if (words.size() != 4 || !absl::SimpleAtoi(words[0], &marker.root.inode) ||
      !absl::SimpleAtoi(words[1], &marker.root.birth_seconds) ||
      !absl::SimpleAtoi(words[2], &marker.root.birth_nanoseconds))
    return std::nullopt;
  marker.keep_previous = words[3] == absl::StrCat(kKeep, "\n");
  if (!marker.keep_previous && words[3] != absl::StrCat(kRemove, "\n")) return std::nullopt;
  return marker;
}

absl::StatusOr<bool> Exists(const Site& site, const std::string& path) {
  const absl::StatusOr<std::optional<struct statx>> info = StatInStore(site, path);
  if (!info.ok()) return info.status();
  return info->has_value();
}

absl::Status SyncBoth(const Site& site, const std::string& slot) {
  if (fsync(site.parent.get()) != 0) return ErrnoStatus(errno, "fsync", site.destination);
  return SyncDirectoryInStore(site, slot);
}

// XFS takes the change of a directory's `..` for a change of the directory.
absl::Status RestoreTime(int directory, const std::string& name, const struct statx& info,
                         const std::string& shown) {
  const timespec time{.tv_sec = info.stx_mtime.tv_sec,
                      .tv_nsec = static_cast<long>(info.stx_mtime.tv_nsec)};
  const timespec times[2] = {time, time};
  if (utimensat(directory, name.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, "utimensat", shown);
}

// One rename: whoever opens the destination gets the old tree or the new one.
absl::Status ExchangeTree(const Site& site, const std::string& slot) {
  const absl::StatusOr<std::optional<struct statx>> before = StatDestination(site);
  if (!before.ok()) return before.status();
  const std::string tree = slot + "/tree";
  const absl::StatusOr<std::optional<struct statx>> in = StatInStore(site, tree);
  if (!in.ok()) return in.status();
  if (!*in) return absl::NotFoundError(absl::StrCat(ShownInStore(site, tree), " is gone"));
  const auto rename = [&](unsigned flags) {
    return renameat2(site.store.get(), tree.c_str(), site.parent.get(), site.name.c_str(), flags);
  };
  if (rename(*before ? RENAME_EXCHANGE : RENAME_NOREPLACE) != 0) {
    return ErrnoStatus(errno, "rename to", site.destination);
  }
  if (*before) {
    // Somebody may have put something else there since it was looked at.
    const absl::StatusOr<std::optional<struct statx>> out = StatInStore(site, tree);
    if (!out.ok()) return out.status();
    if (!*out || RootIdOf(**out) != RootIdOf(**before)) {
      if (rename(RENAME_EXCHANGE) != 0) return ErrnoStatus(errno, "rename", site.destination);
      return absl::AbortedError(absl::StrCat(
          site.destination, " was replaced by somebody else at this moment: run again"));
    }
    absl::Status s = RestoreTime(site.store.get(), tree, **before, ShownInStore(site, tree));
    if (!s.ok()) return s;
  }
  absl::Status s = RestoreTime(site.parent.get(), site.name, **in, site.destination);
  if (!s.ok()) return s;
  return SyncBoth(site, slot);
}

// The record of what came out of the destination goes with it.
absl::Status ExchangeRecords(const Site& site, const std::string& slot) {
  const absl::StatusOr<bool> both = Exists(site, "record");
  if (!both.ok()) return both.status();
  absl::Status s =
      RenameInStore(site, slot + "/record", "record", *both ? RENAME_EXCHANGE : RENAME_NOREPLACE);
  if (s.ok()) s = SyncDirectoryInStore(site, ".");
  return s.ok() ? SyncDirectoryInStore(site, slot) : s;
}

// Whether the tree in `slot` is one that we have published.
absl::StatusOr<bool> IsOurs(const Site& site, const std::string& slot) {
  const absl::StatusOr<std::optional<struct statx>> tree = StatInStore(site, slot + "/tree");
  if (!tree.ok()) return tree.status();
  const absl::StatusOr<std::optional<TreeIdentity>> record = FindIdentity(site, slot + "/record");
  if (!record.ok()) return record.status();
  return *tree && *record && (*record)->root == RootIdOf(**tree);
}

absl::Status Discard(const Site& site, const std::string& path, const std::string& as) {
  absl::Status s = RemoveInStore(site, as);
  return s.ok() ? RenameInStore(site, path, as) : s;
}

// Frees the place of `previous`. A tree that was never ours is not ours to remove.
absl::Status ClearPrevious(const Site& site) {
  const absl::StatusOr<bool> there = Exists(site, "previous");
  if (!there.ok()) return there.status();
  if (!*there) return absl::OkStatus();
  const absl::StatusOr<bool> ours = IsOurs(site, "previous");
  if (!ours.ok()) return ours.status();
  if (*ours) return Discard(site, "previous", "removed");
  for (int number = 1;; ++number) {
    const std::string kept = absl::StrCat("kept-", number);
    const absl::StatusOr<bool> taken = Exists(site, kept);
    if (!taken.ok()) return taken.status();
    if (!*taken) return RenameInStore(site, "previous", kept);
  }
}

// After the exchange: `incoming` holds what was replaced, if anything was.
absl::Status PutReplacedAway(const Site& site, bool keep_previous) {
  const absl::StatusOr<bool> replaced = Exists(site, "incoming/tree");
  if (!replaced.ok()) return replaced.status();
  const absl::StatusOr<bool> ours = IsOurs(site, "incoming");
  if (!ours.ok()) return ours.status();
  if (!*replaced || (*ours && !keep_previous)) return Discard(site, "incoming", "removed");
  // A record that tells of another tree than this would only mislead.
  absl::Status s = *ours ? absl::OkStatus() : RemoveInStore(site, "incoming/record");
  if (s.ok()) s = ClearPrevious(site);
  // Until the marker is gone the rename can be repeated.
  if (s.ok()) s = RenameInStore(site, "incoming", "previous");
  if (s.ok()) s = SyncDirectoryInStore(site, ".");
  return s.ok() ? RemoveInStore(site, "previous/publishing") : s;
}

absl::Status FinishIncoming(const Site& site, const Marker& marker, const StepHook& step) {
  const absl::StatusOr<std::optional<TreeIdentity>> published = FindIdentity(site, "record");
  if (!published.ok()) return published.status();
  if (!*published || (*published)->root != marker.root) {
    step("exchange the records");
    if (absl::Status s = ExchangeRecords(site, "incoming"); !s.ok()) return s;
  }
  step("put the replaced tree away");
  return PutReplacedAway(site, marker.keep_previous);
}

struct Remains {
  std::optional<Marker> exchanged;  // incoming/tree is published, its record is not in its place
  bool rolled_back = false;         // likewise of previous/tree
  bool removable = false;
};

absl::StatusOr<Remains> FindRemains(const Site& site) {
  Remains remains;
  if (!site.store.valid()) return remains;
  const absl::StatusOr<std::optional<struct statx>> destination = StatDestination(site);
  if (!destination.ok()) return destination.status();
  const absl::StatusOr<std::optional<Marker>> marker = ReadMarker(site);
  if (!marker.ok()) return marker.status();
  if (*destination && *marker && (*marker)->root == RootIdOf(**destination)) {
    remains.exchanged = **marker;
  }
  const absl::StatusOr<std::optional<TreeIdentity>> previous =
      FindIdentity(site, "previous/record");
  if (!previous.ok()) return previous.status();
  remains.rolled_back = *destination && *previous && (*previous)->root == RootIdOf(**destination);
  const absl::StatusOr<bool> removable = Exists(site, "removed");
  if (!removable.ok()) return removable.status();
  remains.removable = *removable;
  return remains;
}

}  // namespace

absl::Status PublishIncoming(const Site& site, const RootId& root, bool keep_previous,
                             const StepHook& step) {
  absl::Status s = WriteMarker(site, {root, keep_previous});
  if (!s.ok()) return s;
  step("sync");
  // The one wait for the disk: tree, manifest, record and marker are durable from here on.
  if (syncfs(site.store.get()) != 0) return ErrnoStatus(errno, "syncfs", site.store_path);
  step("exchange the trees");
  if (s = ExchangeTree(site, "incoming"); !s.ok()) return s;
  // What was begun before this serves no more.
  if (s = FinishPublication(site, step); !s.ok()) return s;
  step("remove what was abandoned");
  return RemoveInStore(site, "abandoned");
}

absl::Status PublishPrevious(const Site& site, const StepHook& step) {
  step("exchange the trees");
  if (absl::Status s = ExchangeTree(site, "previous"); !s.ok()) return s;
  return FinishPublication(site, step);
}

absl::Status FinishPublication(const Site& site, const StepHook& step) {
  const absl::StatusOr<Remains> remains = FindRemains(site);
  if (!remains.ok()) return remains.status();
  absl::Status s;
  if (remains->exchanged) {
    s = FinishIncoming(site, *remains->exchanged, step);
  } else if (remains->rolled_back) {
    step("exchange the records");
    s = ExchangeRecords(site, "previous");
  }
  if (!s.ok()) return s;
  step("remove the replaced tree");
  return RemoveInStore(site, "removed");
}

absl::StatusOr<bool> IsPublicationUnfinished(const Site& site) {
  const absl::StatusOr<Remains> remains = FindRemains(site);
  if (!remains.ok()) return remains.status();
  return remains->exchanged || remains->rolled_back || remains->removable;
}

}  // namespace bpa::executor

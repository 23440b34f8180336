#include "agent/executor/package/reuse.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <memory>
#include <utility>

namespace bpa::executor {
namespace {

constexpr char kIndex[] = "index.db";
// The number of the tree that is being made; the others count from 0.
constexpr int kOwnTree = -1;
constexpr uint64_t kBlock = 4096;
constexpr uint64_t kMaxRunBytes = 16 * 1024 * 1024;
constexpr int kSourceFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME;

uint64_t WholeBlocks(uint64_t bytes) { return (bytes + kBlock - 1) / kBlock * kBlock; }

}  // namespace

Reuse::Reuse(Assembly& assembly, uint64_t chunks)
    : assembly_(assembly), wanted_(chunks), twice_(chunks) {}

absl::Status Reuse::FindTrees() {
  absl::Status s = AddPublished();
  if (s.ok()) s = AddTree("previous/tree", "previous/record");
  if (s.ok()) s = AddTree("abandoned/tree", "abandoned/record");
  return s;
}

absl::Status Reuse::AddPublished() {
  const Site& site = assembly_.site;
  const absl::StatusOr<std::optional<struct statx>> destination = StatDestination(site);
  if (!destination.ok()) return destination.status();
  if (!*destination) return absl::OkStatus();
  const absl::StatusOr<std::optional<KnownTree>> known =
      FindKnownTree(site, RootIdOf(**destination));
  if (!known.ok()) return known.status();
  if (!*known) return absl::OkStatus();
  absl::StatusOr<FileDescriptor> root =
      OpenBelow(site.parent.get(), site.name, O_RDONLY | O_DIRECTORY, site.destination);
  if (!root.ok()) return root.status();
  absl::StatusOr<FileDescriptor> manifest =
      OpenInStore(site, (*known)->record + "/manifest", O_RDONLY);
  if (!manifest.ok()) return manifest.status();
  trees_.push_back({*std::move(root), *std::move(manifest), site.destination});
  return absl::OkStatus();
}

absl::Status Reuse::AddTree(const std::string& tree, const std::string& record) {
  const Site& site = assembly_.site;
  absl::StatusOr<FileDescriptor> manifest = OpenInStore(site, record + "/manifest", O_RDONLY);
  if (absl::IsNotFound(manifest.status())) return absl::OkStatus();
  if (!manifest.ok()) return manifest.status();
  absl::StatusOr<FileDescriptor> root = OpenInStore(site, tree, O_RDONLY | O_DIRECTORY);
  if (absl::IsNotFound(root.status())) return absl::OkStatus();
  if (!root.ok()) return root.status();
  trees_.push_back({*std::move(root), *std::move(manifest), ShownInStore(site, tree)});
  return absl::OkStatus();
}

absl::Status Reuse::ReadWanted() {
  return ForEachEntry(assembly_.manifest, [&](const ManifestEntry&, ManifestReader& reader) {
    absl::Status s = ForEachSegment(reader, [&](const ManifestSegment& segment) {
      if (!segment.hole && wanted_.Add(segment.digest)) {
        twice_.Add(segment.digest);
        any_twice_ = true;
      }
      return absl::OkStatus();
    });
    return s.ok() ? assembly_.progress.Tick() : s;
  });
}

absl::Status Reuse::MakeIndex() {
  if (trees_.empty() && !any_twice_) return absl::OkStatus();
  const absl::StatusOr<FileDescriptor> file = CreateInStore(assembly_.site, kIndex);
  if (!file.ok()) return file.status();
  absl::StatusOr<ChunkIndex> index = ChunkIndex::Create(ShownInStore(assembly_.site, kIndex));
  if (!index.ok()) return index.status();
  index_ = *std::move(index);
  for (int number = 0; number < static_cast<int>(trees_.size()); ++number) {
    if (absl::Status s = IndexTree(number); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status Reuse::IndexTree(int number) {
  absl::Status s = ForEachEntry(
      trees_[static_cast<size_t>(number)].manifest.get(),
      [&](const ManifestEntry& entry, ManifestReader& reader) {
        absl::Status added = ForEachSegment(reader, [&](const ManifestSegment& segment) {
          if (segment.hole || !wanted_.MayHave(segment.digest)) return absl::OkStatus();
          return index_->Add(segment.digest, {number, entry.path, segment.offset});
        });
        return added.ok() ? assembly_.progress.Tick() : added;
      });
  // What an earlier release or a crash has left is no help, and no obstacle either.
  return absl::IsInvalidArgument(s) ? absl::OkStatus() : s;
}

absl::StatusOr<Lack> Reuse::Index() {
  if (absl::Status s = MakeIndex(); !s.ok()) return s;
  Lack lack;
  absl::Status s =
      ForEachEntry(assembly_.manifest, [&](const ManifestEntry& entry, ManifestReader& reader) {
        const uint64_t before = lack.bytes;
        absl::Status read = ForEachSegment(reader, [&](const ManifestSegment& segment) {
          return segment.hole ? absl::OkStatus() : IndexSegment(entry, segment, lack);
        });
        lack.room += WholeBlocks(lack.bytes - before);
        return read.ok() ? assembly_.progress.Tick() : read;
      });
  if (!s.ok()) return s;
  return lack;
}

absl::Status Reuse::IndexSegment(const ManifestEntry& entry, const ManifestSegment& segment,
                                 Lack& lack) {
  const bool good = assembly_.good.Has(segment.chunk);
  if (!good) lack.bytes += segment.length;
  const bool twice = any_twice_ && twice_.MayHave(segment.digest);
  if (!index_ || (good && !twice)) return absl::OkStatus();
  const absl::StatusOr<std::optional<ChunkLocation>> found = index_->Find(segment.digest);
  if (!found.ok()) return found.status();
  if (!*found) {
    if (!twice) return absl::OkStatus();
    return index_->Add(segment.digest, {kOwnTree, entry.path, segment.offset});
  }
  if (good) return absl::OkStatus();
  lack.reusable += segment.length;
  if ((*found)->tree == kOwnTree) {
    assembly_.repeated.Add(segment.chunk);
    assembly_.any_repeated = true;
  }
  return absl::OkStatus();
}

absl::Status Reuse::CopyFromOthers() {
  if (trees_.empty()) return absl::OkStatus();
  absl::Status s =
      ForEachEntry(assembly_.manifest, [&](const ManifestEntry& entry, ManifestReader& reader) {
        if (entry.type == EntryType::kDirectory) return assembly_.builder.Make(entry);
        absl::Status copied = CopyFile(entry, reader, /*repeated=*/false);
        return copied.ok() ? assembly_.progress.Tick() : copied;
      });
  assembly_.check.Wait();
  return s;
}

absl::Status Reuse::CopyRepeated() {
  if (!assembly_.any_repeated) return absl::OkStatus();
  absl::Status s =
      ForEachEntry(assembly_.manifest, [&](const ManifestEntry& entry, ManifestReader& reader) {
        absl::Status copied = CopyFile(entry, reader, /*repeated=*/true);
        return copied.ok() ? assembly_.progress.Tick() : copied;
      });
  assembly_.check.Wait();
  return s.ok() ? assembly_.good.failure() : s;
}

absl::Status Reuse::CopyFile(const ManifestEntry& entry, ManifestReader& reader, bool repeated) {
  std::shared_ptr<const CheckedFile> file;
  Run run;
  absl::Status s = ForEachSegment(reader, [&](const ManifestSegment& segment) {
    if (segment.hole || assembly_.good.Has(segment.chunk) ||
        assembly_.repeated.Has(segment.chunk) != repeated) {
      return absl::OkStatus();
    }
    const absl::StatusOr<std::optional<ChunkLocation>> found = index_->Find(segment.digest);
    if (!found.ok()) return found.status();
    if (!*found || ((*found)->tree == kOwnTree) != repeated) return absl::OkStatus();
    if (file == nullptr) {
      absl::StatusOr<FileDescriptor> opened = assembly_.builder.OpenFile(entry);
      if (!opened.ok()) return opened.status();
      file = std::make_shared<CheckedFile>(*std::move(opened), entry.path);
    }
    return Extend(run, segment, **found, file);
  });
  if (s.ok() && file != nullptr) s = CopyRun(run, file);
  // Writing has changed its time.
  if (s.ok() && file != nullptr && repeated)
    s = assembly_.builder.FinishFile(file->fd.get(), entry);
  return s;
}

absl::Status Reuse::Extend(Run& run, const ManifestSegment& segment, const ChunkLocation& location,
                           const std::shared_ptr<const CheckedFile>& file) {
  const bool continues =
      !run.segments.empty() && run.tree == location.tree && run.path == location.path &&
      run.range.from + run.range.length == location.offset &&
      run.range.to + run.range.length == segment.offset && run.range.length < kMaxRunBytes;
  if (!continues) {
    if (absl::Status s = CopyRun(run, file); !s.ok()) return s;
    run.tree = location.tree;
    run.path = location.path;
    run.range = {.from = location.offset, .to = segment.offset, .length = 0};
  }
  run.range.length += segment.length;
  run.segments.push_back(segment);
  return absl::OkStatus();
}

absl::Status Reuse::CopyRun(Run& run, const std::shared_ptr<const CheckedFile>& file) {
  if (run.segments.empty()) return absl::OkStatus();
  const int source = Source(run.tree, run.path);
  if (source >= 0) {
    absl::Status s = copier_.Copy(source, file->fd.get(), run.range, QuotedPath(file->path));
    if (!s.ok()) return s;
    for (const ManifestSegment& segment : run.segments) assembly_.check.Add(file, segment);
  }
  run.segments.clear();
  return assembly_.progress.Tick();
}

int Reuse::Source(int tree, const std::string& path) {
  if (source_tree_ == tree && source_path_ == path && source_.valid()) return source_.get();
  const int root = tree == kOwnTree ? assembly_.root : trees_[static_cast<size_t>(tree)].root.get();
  source_.Close();
  // Gone, or not ours to read any more: then its content is wanted instead.
  absl::StatusOr<FileDescriptor> opened = OpenBelow(root, path, kSourceFlags, path);
  if (!opened.ok()) return -1;
  struct stat info = {};
  if (fstat(opened->get(), &info) != 0 || !S_ISREG(info.st_mode)) return -1;
  source_ = *std::move(opened);
  source_tree_ = tree;
  source_path_ = path;
  return source_.get();
}

}  // namespace bpa::executor

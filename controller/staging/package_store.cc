#include "controller/staging/package_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "controller/directories.h"
#include "proto/limits.h"
#include "proto/manifest_index.h"
#include "proto/trusted_file.h"

namespace bpa::controller {
namespace {

constexpr std::chrono::hours kKept{24 * 60};
constexpr unsigned kFileMode = 0600;

std::string_view AsBytes(const Sha256& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

absl::StatusOr<std::string> AbsolutePath(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(realpath(path.c_str(), nullptr),
                                                         std::free);
  if (real == nullptr) return ErrnoStatus(errno, "realpath", QuotedPath(path));
  return std::string(real.get());
}

// A file that is gone unless it is renamed.
class NewFile {
 public:
  explicit NewFile(const std::string& directory)
      : path_(directory + "/making.XXXXXX"), fd_(mkostemp(path_.data(), O_CLOEXEC)) {}
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile() { unlink(path_.c_str()); }

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  OwnedFd fd_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<PackageStore>> PackageStore::Open(const std::string& home) {
  const std::string directory = home + "/packages";
  if (auto made = MakePrivateDirectory(directory); !made.ok()) return made.status();
  absl::StatusOr<std::unique_ptr<HashCache>> cache = HashCache::Open(directory + "/hashes.db");
  if (!cache.ok()) return cache.status();
  std::unique_ptr<PackageStore> store(new PackageStore(directory, *std::move(cache)));
  store->RemoveOld();
  return store;
}

absl::StatusOr<v1::Package> PackageStore::Make(
    const PackageSource& source, std::function<void(const MakingProgress&)> progressed,
    const std::atomic<bool>& stop) {
  const absl::StatusOr<std::unique_ptr<SourceTree>> tree = SourceTree::Open(source.directory);
  if (!tree.ok()) return tree.status();
  const absl::StatusOr<std::string> path = AbsolutePath(source.directory);
  if (!path.ok()) return path.status();
  const NewFile file(directory_);
  if (file.fd() < 0) return ErrnoStatus(errno, "mkstemp", directory_);
  const absl::StatusOr<FinishedManifest> made = MakeManifest(**tree, file.fd(),
                                                             {.modes = source.modes,
                                                              .cache = cache_.get(),
                                                              .progressed = std::move(progressed),
                                                              .stop = &stop});
  if (!made.ok()) return made.status();
  if (made->header.entries > kMaxPackageEntries) {
    return absl::FailedPreconditionError(
        absl::StrCat(QuotedPath(source.directory), " holds ", made->header.entries,
                     " files and directories; a package holds at most ", kMaxPackageEntries));
  }
  const absl::StatusOr<std::string> index = MakeManifestIndex(file.fd());
  if (!index.ok()) return index.status();
  absl::Status kept = Keep(file.path(), AsBytes(made->digest), *path);
  if (!kept.ok()) return kept;
  v1::Package package = source.package;
  package.set_manifest_sha256(made->digest.data(), made->digest.size());
  package.set_manifest_bytes(made->bytes);
  package.set_manifest_index_bytes(index->size());
  package.set_content_bytes(made->header.content_bytes);
  package.set_entries(made->header.entries);
  return package;
}

absl::StatusOr<PackageContent> PackageStore::Content(std::string_view manifest_sha256) const {
  const std::string manifest_path = PathOf(manifest_sha256, ".manifest");
  OwnedFd manifest(open(manifest_path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (manifest.get() < 0) return ErrnoStatus(errno, "open", manifest_path);
  const absl::StatusOr<Sha256> digest = DigestOfFile(manifest.get());
  if (!digest.ok()) return digest.status();
  if (AsBytes(*digest) != manifest_sha256) {
    return absl::DataLossError(absl::StrCat(manifest_path, " is damaged: remove it"));
  }
  absl::StatusOr<std::string> index = MakeManifestIndex(manifest.get());
  if (!index.ok()) return index.status();
  const absl::StatusOr<std::string> source =
      ReadTrustedFile(PathOf(manifest_sha256, ".source"), PATH_MAX, FileSecrecy::kSecret);
  if (!source.ok()) return source.status();
  absl::StatusOr<std::unique_ptr<SourceTree>> tree = SourceTree::Open(*source);
  if (!tree.ok()) return tree.status();
  struct stat info;
  if (fstat(manifest.get(), &info) != 0) return ErrnoStatus(errno, "fstat", manifest_path);
  return PackageContent{.digest = *digest,
                        .manifest_bytes = static_cast<uint64_t>(info.st_size),
                        .manifest = std::move(manifest),
                        .manifest_index = *std::move(index),
                        .tree = *std::move(tree)};
}

std::string PackageStore::PathOf(std::string_view digest, const char* suffix) const {
  return absl::StrCat(directory_, "/", absl::BytesToHexString(std::string(digest)), suffix);
}

// The source first: whoever finds a manifest finds its source. A signed command may wait for a
// second signature, so both outlast a power cut.
absl::Status PackageStore::Keep(const std::string& made, std::string_view digest,
                                const std::string& source) const {
  absl::Status written = WriteFileDurably(PathOf(digest, ".source"), source, kFileMode);
  if (!written.ok()) return written;
  const OwnedFd file(open(made.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 || fsync(file.get()) != 0) return ErrnoStatus(errno, "fsync", made);
  const std::string manifest = PathOf(digest, ".manifest");
  if (rename(made.c_str(), manifest.c_str()) != 0) return ErrnoStatus(errno, "rename", manifest);
  return SyncDirectory(directory_);
}

// Nobody misses what cannot be removed: the next run tries again.
void PackageStore::RemoveOld() const {
  const auto now = std::filesystem::file_time_type::clock::now();
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::filesystem::path& path = entry->path();
    const bool ours =
        path.extension() == ".manifest" || path.extension() == ".source" || path.stem() == "making";
    std::error_code ignored;
    const auto written = entry->last_write_time(ignored);
    if (!ours || ignored || now - written < kKept) continue;
    std::filesystem::remove(path, ignored);
  }
}

}  // namespace bpa::controller

#include "agent/executor/package/incoming.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "agent/executor/describe.h"
#include "agent/executor/package/manifest_transfer.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

constexpr char kManifest[] = "incoming/record/manifest";

std::string PartialPath(const v1::Package& package) {
  return absl::StrCat("incoming/", absl::BytesToHexString(package.manifest_sha256()), ".part");
}

// Nothing unless there is a manifest with this digest.
absl::StatusOr<FileDescriptor> OpenManifest(const Site& site, const std::string& path,
                                            const bpa::Sha256& digest) {
  absl::StatusOr<FileDescriptor> file = OpenInStore(site, path, O_RDONLY);
  if (!file.ok()) return file.status();
  const absl::StatusOr<bpa::Sha256> found = DigestOfFile(file->get());
  if (!found.ok()) return found.status();
  if (*found != digest) return absl::NotFoundError("another manifest");
  return file;
}

// What another manifest has begun is no loss to keep: its chunks may be wanted again.
absl::Status PutAside(const Site& site) {
  absl::Status s = RemoveInStore(site, "abandoned");
  if (s.ok()) s = RenameInStore(site, "incoming", "abandoned");
  return s;
}

absl::StatusOr<FileDescriptor> OpenPartial(const Site& site, const v1::Package& package) {
  const std::string path = PartialPath(package);
  absl::StatusOr<FileDescriptor> file = OpenInStore(site, path, O_RDWR);
  if (absl::IsNotFound(file.status())) return CreateInStore(site, path);
  if (!file.ok()) return file.status();
  const absl::StatusOr<struct stat> info = StatDescriptor(file->get(), path);
  if (!info.ok()) return info.status();
  if (static_cast<uint64_t>(info->st_size) <= package.manifest_bytes()) return file;
  return CreateInStore(site, path);
}

}  // namespace

bpa::Sha256 ManifestDigest(const v1::Package& package) {
  bpa::Sha256 digest{};
  std::copy_n(package.manifest_sha256().begin(),
              std::min(digest.size(), package.manifest_sha256().size()), digest.begin());
  return digest;
}

absl::StatusOr<FileDescriptor> PrepareIncoming(const Site& site, const v1::Package& package,
                                               ContentSource* source, ProgressTeller& progress) {
  const bpa::Sha256 digest = ManifestDigest(package);
  absl::StatusOr<FileDescriptor> manifest = OpenManifest(site, kManifest, digest);
  if (manifest.ok() || !absl::IsNotFound(manifest.status())) return manifest;
  const absl::StatusOr<std::optional<struct statx>> other = StatInStore(site, kManifest);
  if (!other.ok()) return other.status();
  absl::Status s = *other ? PutAside(site) : absl::OkStatus();
  if (s.ok()) s = MakeDirectoryInStore(site, "incoming");
  if (s.ok()) s = MakeDirectoryInStore(site, "incoming/record");
  if (!s.ok()) return s;
  const std::string partial_path = PartialPath(package);
  absl::StatusOr<FileDescriptor> partial = OpenPartial(site, package);
  if (!partial.ok()) return partial.status();
  s = CompleteManifest(site, package, partial->get(), ShownInStore(site, partial_path), source,
                       progress);
  if (!s.ok()) return InContext("the package's manifest", s);
  const absl::StatusOr<bpa::Sha256> found = DigestOfFile(partial->get());
  if (!found.ok()) return found.status();
  if (*found != digest) {
    // Not one byte of it can be relied on.
    if (s = RemoveInStore(site, partial_path); !s.ok()) return s;
    return absl::InvalidArgumentError(
        "the manifest that came has not the digest in the signed command: refused, and nothing of "
        "it is kept; run again");
  }
  if (s = RenameInStore(site, partial_path, kManifest); !s.ok()) return s;
  return partial;
}

absl::Status CheckRoom(const Site& site, uint64_t bytes, uint64_t inodes) {
  struct statvfs room = {};
  if (fstatvfs(site.parent.get(), &room) != 0) {
    return ErrnoStatus(errno, "fstatvfs", site.destination);
  }
  const uint64_t free_bytes = uint64_t{room.f_bavail} * room.f_frsize;
  // Filesystems that make inodes as they go (btrfs) say 0.
  const bool counts_inodes = room.f_files != 0;
  if (bytes <= free_bytes && (!counts_inodes || inodes <= room.f_favail)) return absl::OkStatus();
  const std::string free = counts_inodes ? absl::StrCat(" and ", room.f_favail, " inodes") : "";
  return absl::FailedPreconditionError(
      absl::StrCat("the filesystem of ", site.destination, " lacks room: ", DescribeBytes(bytes),
                   " and ", inodes, " inodes are needed, ", DescribeBytes(free_bytes), free,
                   " are free; make room, then run again"));
}

}  // namespace bpa::executor

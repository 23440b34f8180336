#include "agent/executor/linux/disk_content.h"

#include <blkid/blkid.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "agent/executor/linux/superblock.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

using BlkidProbe = std::unique_ptr<std::remove_pointer_t<blkid_probe>, decltype(&blkid_free_probe)>;

absl::Status Unreadable(const std::string& shown, uint64_t offset, int error) {
  return absl::DataLossError(absl::StrCat("read ", shown, " at offset ", offset, ": ",
                                          error == 0 ? "it ends early" : std::strerror(error),
                                          "; what is on it cannot be told, so it is left alone"));
}

absl::StatusOr<std::string> ReadAt(int fd, uint64_t offset, size_t size, const std::string& shown) {
  std::string bytes(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t count =
        pread(fd, bytes.data() + done, size - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return Unreadable(shown, offset + done, count < 0 ? errno : 0);
    done += static_cast<size_t>(count);
  }
  return bytes;
}

// Offset of the first byte that is not zero in [from, to).
absl::StatusOr<std::optional<uint64_t>> FirstData(int fd, uint64_t from, uint64_t to,
                                                  const std::string& shown) {
  constexpr uint64_t kChunk = uint64_t{1} << 20;
  for (uint64_t offset = from; offset < to; offset += kChunk) {
    absl::StatusOr<std::string> bytes =
        ReadAt(fd, offset, static_cast<size_t>(std::min(kChunk, to - offset)), shown);
    if (!bytes.ok()) return bytes.status();
    const size_t at = bytes->find_first_not_of('\0');
    if (at != std::string::npos) return std::optional<uint64_t>(offset + at);
  }
  return std::optional<uint64_t>();
}

std::string Value(blkid_probe probe, const char* name) {
  const char* value = nullptr;
  return blkid_probe_lookup_value(probe, name, &value, nullptr) == 0 ? value : "";
}

// "an xfs filesystem", "swap (swap)", "a crypto_LUKS (crypto)"...
std::string DescribeSignature(const std::string& type, const std::string& usage) {
  if (usage == "filesystem") return absl::StrCat("a filesystem of type ", type);
  return absl::StrCat("a ", type, " signature (", usage.empty() ? "unknown use" : usage, ")");
}

absl::StatusOr<DiskFinding> WithoutSignature(int fd, uint64_t size, const std::string& shown) {
  const uint64_t head = std::min(size, kEndBytes);
  const uint64_t tail = std::max(head, size - std::min(size, kEndBytes));
  for (const auto& [from, to] : {std::pair(uint64_t{0}, head), std::pair(tail, size)}) {
    absl::StatusOr<std::optional<uint64_t>> data = FirstData(fd, from, to, shown);
    if (!data.ok()) return data.status();
    if (data->has_value()) {
      return DiskFinding{.probe = {.content = DiskContent::kOther,
                                   .description = absl::StrCat(
                                       "data without a known signature, at offset ", **data)},
                         .only_data = true,
                         .only_uuid = ""};
    }
  }
  return DiskFinding{.probe = {.content = DiskContent::kBlank}};
}

DiskFinding Other(std::string description, std::string only_uuid = "") {
  return DiskFinding{
      .probe = {.content = DiskContent::kOther, .description = std::move(description)},
      .only_data = false,
      .only_uuid = std::move(only_uuid)};
}

absl::StatusOr<DiskFinding> WithSignature(blkid_probe probe, int fd, const std::string& shown) {
  const std::string type = Value(probe, "TYPE");
  const std::string table = Value(probe, "PTTYPE");
  const std::string signature = DescribeSignature(type, Value(probe, "USAGE"));
  if (!table.empty()) {
    return Other(
        absl::StrCat("a partition table (", table, ")", type.empty() ? "" : " and " + signature));
  }
  const bool known = type == "xfs" || type == "ext4";
  const std::string uuid = known ? absl::AsciiStrToLower(Value(probe, "UUID")) : "";
  if (!Value(probe, "SBBADCSUM").empty()) {
    return Other(signature + " whose superblock has a wrong checksum", uuid);
  }
  DiskFinding found;
  found.only_uuid = uuid;
  found.probe = {.content = DiskContent::kFilesystem, .uuid = uuid};
  if (!known) return Other(signature);
  found.probe.filesystem = type == "xfs" ? Filesystem::kXfs : Filesystem::kExt4;
  absl::StatusOr<std::string> start = ReadAt(fd, 0, kSuperblockBytes, shown);
  if (!start.ok()) return start.status();
  absl::StatusOr<uint64_t> bytes = FilesystemBytes(found.probe.filesystem, *start);
  if (!bytes.ok())
    return Other(absl::StrCat(signature, ": ", std::string(bytes.status().message())), uuid);
  found.probe.filesystem_bytes = *bytes;
  return found;
}

}  // namespace

absl::StatusOr<DiskFinding> ExamineDisk(int fd, uint64_t size, const std::string& shown) {
  const BlkidProbe probe(blkid_new_probe(), &blkid_free_probe);
  // BADCSUM: a damaged superblock is a signature too, and not a blank disk.
  if (probe == nullptr || blkid_probe_set_device(probe.get(), fd, 0, 0) != 0 ||
      blkid_probe_enable_superblocks(probe.get(), 1) != 0 ||
      blkid_probe_set_superblocks_flags(
          probe.get(), BLKID_SUBLKS_TYPE | BLKID_SUBLKS_UUID | BLKID_SUBLKS_USAGE |
                           BLKID_SUBLKS_VERSION | BLKID_SUBLKS_MAGIC | BLKID_SUBLKS_BADCSUM) != 0 ||
      blkid_probe_enable_partitions(probe.get(), 1) != 0) {
    return absl::InternalError(absl::StrCat("libblkid cannot probe ", shown));
  }
  switch (blkid_do_safeprobe(probe.get())) {
    case 0:
      return WithSignature(probe.get(), fd, shown);
    case 1:
      return WithoutSignature(fd, size, shown);
    case -2:
      return Other("signatures of several kinds (`wipefs` without options lists them)");
    default:
      return Unreadable(shown, 0, errno == 0 ? EIO : errno);
  }
}

std::string FilesystemUuid(int fd) {
  const BlkidProbe probe(blkid_new_probe(), &blkid_free_probe);
  if (probe == nullptr || blkid_probe_set_device(probe.get(), fd, 0, 0) != 0 ||
      blkid_probe_enable_superblocks(probe.get(), 1) != 0 ||
      blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_UUID) != 0 ||
      blkid_do_safeprobe(probe.get()) != 0) {
    return "";
  }
  return absl::AsciiStrToLower(Value(probe.get(), "UUID"));
}

absl::Status WipeEnds(int fd, uint64_t size, const std::string& shown) {
  const std::string zeros(static_cast<size_t>(std::min(size, kEndBytes)), '\0');
  for (const uint64_t start : {uint64_t{0}, size - zeros.size()}) {
    size_t done = 0;
    while (done < zeros.size()) {
      const ssize_t count =
          pwrite(fd, zeros.data() + done, zeros.size() - done, static_cast<off_t>(start + done));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return ErrnoStatus(count < 0 ? errno : EIO, "pwrite", shown);
      done += static_cast<size_t>(count);
    }
  }
  if (fsync(fd) != 0) return ErrnoStatus(errno, "fsync", shown);
  return absl::OkStatus();
}

}  // namespace bpa::executor

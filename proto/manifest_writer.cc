#include "proto/manifest_writer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "proto/big_endian.h"
#include "proto/trusted_file.h"

namespace bpa {
namespace {

constexpr size_t kBufferBytes = 256 * 1024;

template <typename Number>
void Append(std::string& out, Number value) {
  AppendBigEndian(out, static_cast<uint64_t>(value), sizeof value);
}

std::string EncodeHeader(const ManifestHeader& header) {
  std::string bytes(kManifestMagic);
  Append(bytes, kManifestVersion);
  bytes.append(3, '\0');
  Append(bytes, header.entries);
  Append(bytes, header.chunks);
  Append(bytes, header.content_bytes);
  return bytes;
}

absl::Status WriteAt(int fd, std::string_view bytes, uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t done = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return ErrnoStatus(errno, "pwrite", "manifest");
    bytes.remove_prefix(static_cast<size_t>(done));
    offset += static_cast<uint64_t>(done);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ManifestWriter>> ManifestWriter::Create(int fd) {
  struct stat info;
  if (fstat(fd, &info) != 0) return ErrnoStatus(errno, "fstat", "manifest");
  if (info.st_size != 0) {
    return absl::FailedPreconditionError("the file for the manifest is not empty");
  }
  std::unique_ptr<ManifestWriter> writer(new ManifestWriter(fd));
  // Not valid until Finish puts the counts there.
  writer->buffer_.assign(kManifestHeaderBytes, '\0');
  return writer;
}

absl::Status ManifestWriter::Add(const ManifestEntry& entry) {
  if (absl::Status status = CheckComplete(); !status.ok()) return status;
  const std::string problem =
      ManifestEntryProblem(header_.entries == 0 ? nullptr : &current_, entry);
  current_ = entry;
  if (!problem.empty()) return Refuse(problem);
  ++header_.entries;
  content_ = 0;
  after_hole_ = false;
  Append(buffer_, static_cast<uint8_t>(entry.type));
  Append(buffer_, entry.mode);
  Append(buffer_, entry.mtime_seconds);
  Append(buffer_, entry.mtime_nanoseconds);
  Append(buffer_, static_cast<uint16_t>(entry.path.size()));
  buffer_.append(entry.path);
  if (entry.type == EntryType::kSymlink) {
    Append(buffer_, static_cast<uint16_t>(entry.target.size()));
    buffer_.append(entry.target);
  } else if (entry.type == EntryType::kFile) {
    if (entry.size > kMaxContentBytes - header_.content_bytes) {
      return Refuse(absl::StrCat("makes the content more than ", kMaxContentBytes, " bytes"));
    }
    header_.content_bytes += entry.size;
    Append(buffer_, entry.size);
  }
  return buffer_.size() < kBufferBytes ? absl::OkStatus() : Flush();
}

absl::Status ManifestWriter::AddData(uint32_t length, const Sha256& digest) {
  if (length == 0 || length > kMaxChunkBytes) {
    return Refuse(
        absl::StrCat("has a chunk of ", length, " bytes; allowed are 1 to ", kMaxChunkBytes));
  }
  if (absl::Status status = CountContent(length); !status.ok()) return status;
  ++header_.chunks;
  after_hole_ = false;
  Append(buffer_, static_cast<uint8_t>(SegmentType::kData));
  Append(buffer_, length);
  buffer_.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  return buffer_.size() < kBufferBytes ? absl::OkStatus() : Flush();
}

absl::Status ManifestWriter::AddHole(uint64_t length) {
  if (length == 0) return Refuse("has a hole of 0 bytes");
  if (after_hole_) return Refuse("has a hole after a hole");
  if (absl::Status status = CountContent(length); !status.ok()) return status;
  after_hole_ = true;
  Append(buffer_, static_cast<uint8_t>(SegmentType::kHole));
  Append(buffer_, length);
  return buffer_.size() < kBufferBytes ? absl::OkStatus() : Flush();
}

absl::StatusOr<FinishedManifest> ManifestWriter::Finish() {
  if (absl::Status status = CheckComplete(); !status.ok()) return status;
  if (header_.entries == 0) return absl::InvalidArgumentError("manifest: the root is missing");
  if (absl::Status status = Flush(); !status.ok()) return status;
  if (absl::Status status = WriteAt(fd_, EncodeHeader(header_), 0); !status.ok()) return status;
  const absl::StatusOr<Sha256> digest = DigestOfFile(fd_);
  if (!digest.ok()) return digest.status();
  return FinishedManifest{.digest = *digest, .bytes = written_, .header = header_};
}

absl::Status ManifestWriter::CheckComplete() const {
  if (header_.entries == 0 || current_.type != EntryType::kFile || content_ == current_.size) {
    return absl::OkStatus();
  }
  return Refuse(
      absl::StrCat("has segments of ", content_, " bytes together, and a size of ", current_.size));
}

absl::Status ManifestWriter::CountContent(uint64_t length) {
  if (header_.entries == 0 || current_.type != EntryType::kFile) {
    return Refuse("has content and is not a file");
  }
  if (length > current_.size - content_) {
    return Refuse(absl::StrCat("has a segment beyond its size of ", current_.size, " bytes"));
  }
  content_ += length;
  return absl::OkStatus();
}

absl::Status ManifestWriter::Flush() {
  if (written_ + buffer_.size() > kMaxManifestBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("manifest: more than ", kMaxManifestBytes,
                     " bytes: the tree has too many files or too much content"));
  }
  if (absl::Status status = WriteAt(fd_, buffer_, written_); !status.ok()) return status;
  written_ += buffer_.size();
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status ManifestWriter::Refuse(const std::string& problem) const {
  return absl::InvalidArgumentError(
      absl::StrCat("manifest: ", QuotedPath(current_.path), " ", problem));
}

}  // namespace bpa

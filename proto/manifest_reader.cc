#include "proto/manifest_reader.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/big_endian.h"
#include "proto/trusted_file.h"

namespace bpa {
namespace {

constexpr size_t kBufferBytes = 64 * 1024;
// Type, mode, seconds, nanoseconds, length of the path.
constexpr size_t kFixedEntryBytes = 1 + 2 + 8 + 4 + 2;

}  // namespace

ManifestReader::ManifestReader(int fd) : fd_(fd) { buffer_.reserve(kBufferBytes); }

absl::StatusOr<std::unique_ptr<ManifestReader>> ManifestReader::Open(int fd) {
  struct stat info;
  if (fstat(fd, &info) != 0) return ErrnoStatus(errno, "fstat", "manifest");
  if (static_cast<uint64_t>(info.st_size) > kMaxManifestBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("manifest: ", info.st_size, " bytes long, allowed are ", kMaxManifestBytes));
  }
  std::unique_ptr<ManifestReader> reader(new ManifestReader(fd));
  if (absl::Status status = reader->ReadHeader(); !status.ok()) return status;
  return reader;
}

absl::Status ManifestReader::ReadHeader() {
  const absl::StatusOr<std::string_view> taken = Take(kManifestHeaderBytes, "the header");
  if (!taken.ok()) return taken.status();
  const std::string_view bytes = *taken;
  if (!bytes.starts_with(kManifestMagic)) return Error(0, "magic is not BPAM: not a manifest");
  if (const auto version = static_cast<uint8_t>(bytes[4]); version != kManifestVersion) {
    return Error(4, absl::StrCat("version ", version, " is not known here, only ", kManifestVersion,
                                 ": use programs of one release"));
  }
  if (bytes.substr(5, 3) != std::string_view("\0\0\0", 3)) {
    return Error(5, "reserved bytes are not zero");
  }
  header_ = {.entries = BigEndian(bytes.substr(8, 8)),
             .chunks = BigEndian(bytes.substr(16, 8)),
             .content_bytes = BigEndian(bytes.substr(24, 8))};
  if (header_.entries == 0) return Error(8, "no entries; the tree's root is missing");
  if (header_.content_bytes > kMaxContentBytes) return Error(24, "too many bytes of content");
  return absl::OkStatus();
}

absl::StatusOr<std::optional<ManifestEntry>> ManifestReader::Next() {
  for (;;) {
    const absl::StatusOr<std::optional<ManifestSegment>> left = NextSegment();
    if (!left.ok()) return left.status();
    if (!left->has_value()) break;
  }
  if (position_.entries == header_.entries) {
    if (absl::Status status = CheckEnd(); !status.ok()) return status;
    return std::nullopt;
  }
  const uint64_t offset = position_.next_offset;
  ManifestEntry entry;
  if (absl::Status status = ParseEntry(&entry); !status.ok()) return status;
  const std::string problem =
      ManifestEntryProblem(position_.entries == 0 ? nullptr : &current_, entry);
  if (!problem.empty()) {
    return Error(offset, absl::StrCat("entry ", QuotedPath(entry.path), " ", problem));
  }
  position_.entry_offset = offset;
  if (absl::Status status = CountEntry(entry); !status.ok()) return status;
  current_ = entry;
  return entry;
}

absl::StatusOr<std::optional<ManifestSegment>> ManifestReader::NextSegment() {
  if (position_.file_offset == current_.size) return std::nullopt;
  const uint64_t offset = position_.next_offset;
  const absl::StatusOr<std::string_view> type = Take(1, "a segment");
  if (!type.ok()) return type.status();
  ManifestSegment segment{.offset = position_.file_offset};
  absl::Status status;
  switch (static_cast<SegmentType>(type->front())) {
    case SegmentType::kData:
      status = ParseData(&segment);
      break;
    case SegmentType::kHole:
      status = ParseHole(&segment);
      break;
    default:
      status =
          Error(offset, absl::StrCat("unknown segment type ", static_cast<uint8_t>(type->front())));
  }
  if (!status.ok()) return status;
  if (segment.length > current_.size - segment.offset) {
    return Error(offset, absl::StrCat("a segment goes beyond the size of ", current_.size,
                                      " bytes of ", QuotedPath(current_.path)));
  }
  position_.file_offset += segment.length;
  position_.after_hole = segment.hole;
  return segment;
}

absl::StatusOr<std::optional<ManifestEntry>> ManifestReader::Seek(
    const ManifestPosition& position) {
  current_ = ManifestEntry();
  position_ = position;
  if (position.entries == 0) {
    position_ = ManifestPosition{.next_offset = kManifestHeaderBytes};
    return std::nullopt;
  }
  position_.next_offset = position.entry_offset;
  if (absl::Status status = ParseEntry(&current_); !status.ok()) return status;
  position_.next_offset = position.next_offset;
  return current_;
}

absl::StatusOr<std::string_view> ManifestReader::Take(size_t count, const char* what) {
  if (absl::Status status = Fill(count); !status.ok()) return status;
  const size_t begin = position_.next_offset - buffer_offset_;
  const size_t left = buffer_.size() - begin;
  if (left < count) {
    return Error(position_.next_offset, absl::StrCat("truncated: ", what, " needs ", count,
                                                     " bytes, only ", left, " are left"));
  }
  position_.next_offset += count;
  return std::string_view(buffer_).substr(begin, count);
}

// Gets the next `count` bytes into the buffer, if the file has them.
absl::Status ManifestReader::Fill(size_t count) {
  const uint64_t begin = position_.next_offset;
  if (begin >= buffer_offset_ && begin + count <= buffer_offset_ + buffer_.size()) {
    return absl::OkStatus();
  }
  buffer_offset_ = begin;
  buffer_.resize(kBufferBytes);
  size_t have = 0;
  while (have < kBufferBytes) {
    const ssize_t got =
        pread(fd_, buffer_.data() + have, kBufferBytes - have, static_cast<off_t>(begin + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, "pread", "manifest");
    if (got == 0) break;
    have += static_cast<size_t>(got);
  }
  buffer_.resize(have);
  return absl::OkStatus();
}

absl::Status ManifestReader::ParseEntry(ManifestEntry* entry) {
  const uint64_t offset = position_.next_offset;
  absl::StatusOr<std::string_view> taken = Take(kFixedEntryBytes, "an entry");
  if (!taken.ok()) return taken.status();
  const auto type = static_cast<uint8_t>(taken->front());
  if (type < static_cast<uint8_t>(EntryType::kDirectory) ||
      type > static_cast<uint8_t>(EntryType::kSymlink)) {
    return Error(offset, absl::StrCat("unknown entry type ", type));
  }
  entry->type = static_cast<EntryType>(type);
  entry->mode = static_cast<uint16_t>(BigEndian(taken->substr(1, 2)));
  entry->mtime_seconds = static_cast<int64_t>(BigEndian(taken->substr(3, 8)));
  entry->mtime_nanoseconds = static_cast<uint32_t>(BigEndian(taken->substr(11, 4)));
  const size_t path_bytes = BigEndian(taken->substr(15, 2));
  // Before it is taken: a longer one need not fit into the buffer.
  if (path_bytes > kMaxManifestPathBytes) {
    return Error(offset,
                 absl::StrCat("a path of ", path_bytes, " bytes; at most ", kMaxManifestPathBytes));
  }
  taken = Take(path_bytes, "a path");
  if (!taken.ok()) return taken.status();
  entry->path = std::string(*taken);
  if (entry->type == EntryType::kSymlink) return ParseTarget(entry);
  if (entry->type == EntryType::kFile) {
    taken = Take(8, "a size");
    if (!taken.ok()) return taken.status();
    entry->size = BigEndian(*taken);
  }
  return absl::OkStatus();
}

absl::Status ManifestReader::ParseTarget(ManifestEntry* entry) {
  absl::StatusOr<std::string_view> taken = Take(2, "a symlink");
  if (!taken.ok()) return taken.status();
  const size_t bytes = BigEndian(*taken);
  // A length beyond the limit fits the buffer all the same, and is refused with its path's name.
  taken = Take(bytes, "a symlink's target");
  if (!taken.ok()) return taken.status();
  entry->target = std::string(*taken);
  return absl::OkStatus();
}

absl::Status ManifestReader::CountEntry(const ManifestEntry& entry) {
  if (entry.size > header_.content_bytes - position_.content_bytes) {
    return Error(position_.entry_offset,
                 absl::StrCat("with ", QuotedPath(entry.path), " there is more content than the ",
                              header_.content_bytes, " bytes that the header says"));
  }
  ++position_.entries;
  position_.content_bytes += entry.size;
  position_.file_offset = 0;
  position_.after_hole = false;
  return absl::OkStatus();
}

absl::Status ManifestReader::ParseData(ManifestSegment* segment) {
  const uint64_t offset = position_.next_offset;
  const auto taken = Take(4 + segment->digest.size(), "a data segment");
  if (!taken.ok()) return taken.status();
  segment->length = BigEndian(taken->substr(0, 4));
  taken->copy(reinterpret_cast<char*>(segment->digest.data()), segment->digest.size(), 4);
  if (segment->length == 0 || segment->length > kMaxChunkBytes) {
    return Error(offset, absl::StrCat("a chunk of ", segment->length, " bytes; allowed are 1 to ",
                                      kMaxChunkBytes));
  }
  if (position_.chunks == header_.chunks) {
    return Error(offset,
                 absl::StrCat("one more chunk than the ", header_.chunks, " that the header says"));
  }
  segment->chunk = position_.chunks++;
  return absl::OkStatus();
}

absl::Status ManifestReader::ParseHole(ManifestSegment* segment) {
  const uint64_t offset = position_.next_offset;
  const auto taken = Take(8, "a hole");
  if (!taken.ok()) return taken.status();
  segment->hole = true;
  segment->length = BigEndian(*taken);
  if (segment->length == 0) return Error(offset, "a hole of 0 bytes");
  if (position_.after_hole) return Error(offset, "a hole after a hole");
  return absl::OkStatus();
}

absl::Status ManifestReader::CheckEnd() {
  const uint64_t end = position_.next_offset;
  if (position_.chunks != header_.chunks) {
    return Error(end,
                 absl::StrCat(position_.chunks, " chunks, where the header says ", header_.chunks));
  }
  if (position_.content_bytes != header_.content_bytes) {
    return Error(end,
                 absl::StrCat(position_.content_bytes, " bytes of content, where the header says ",
                              header_.content_bytes));
  }
  if (absl::Status status = Fill(1); !status.ok()) return status;
  if (end < buffer_offset_ + buffer_.size()) return Error(end, "bytes after the last entry");
  return absl::OkStatus();
}

absl::Status ManifestReader::Error(uint64_t offset, std::string_view what) const {
  return absl::InvalidArgumentError(
      absl::StrCat("manifest: at offset ", offset, ": ", std::string(what)));
}

}  // namespace bpa

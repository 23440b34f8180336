#include "controller/staging/source_reader.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/read_at.h"
#include "proto/trusted_file.h"

namespace bpa::controller {
namespace {

// So far may nodes be apart and still be served by one read.
constexpr size_t kRecentBytes = 16 * 1024 * 1024;
constexpr int kMaxRanges = 4096;
constexpr size_t kMaxWaiting = 2;

absl::Status BadWant(std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("the node asks for what cannot be sent: ", std::string(what)));
}

// Of the manifest's `bytes`: from where, and how many, the ones that are asked for.
struct ManifestPart {
  uint64_t offset = 0;
  uint64_t count = 0;
};
absl::StatusOr<ManifestPart> PartOf(const v1::Want& want, uint64_t bytes) {
  if (want.manifest_offset() >= bytes || want.manifest_count() > bytes - want.manifest_offset()) {
    return BadWant("what lies behind the manifest's end");
  }
  const uint64_t rest = bytes - want.manifest_offset();
  return ManifestPart{want.manifest_offset(),
                      want.manifest_count() == 0 ? rest : want.manifest_count()};
}

absl::Status CheckRanges(const v1::Want& want, uint64_t chunks) {
  if (want.chunks().empty() || want.chunks_size() > kMaxRanges) {
    return BadWant(absl::StrCat(want.chunks_size(), " ranges of chunks"));
  }
  uint64_t next = 0;
  for (const v1::ChunkRange& range : want.chunks()) {
    if (range.first() < next || range.first() >= chunks || range.count() == 0 ||
        range.count() > chunks - range.first()) {
      return BadWant(absl::StrCat(range.count(), " chunks from ", range.first(), " of ", chunks));
    }
    next = range.first() + range.count();
  }
  return absl::OkStatus();
}

}  // namespace

RecentChunks::Bytes RecentChunks::Find(const Key& key) const {
  const auto found = chunks_.find(key);
  return found == chunks_.end() ? nullptr : found->second;
}

void RecentChunks::Add(const Key& key, Bytes bytes) {
  if (chunks_.contains(key)) return;
  bytes_ += bytes->size();
  chunks_.emplace(key, std::move(bytes));
  oldest_first_.push_back(key);
  while (bytes_ > max_bytes_) {
    const auto oldest = chunks_.find(oldest_first_.front());
    kept_from_ = std::max(kept_from_, {oldest->first.first, oldest->first.second + 1});
    bytes_ -= oldest->second->size();
    chunks_.erase(oldest);
    oldest_first_.pop_front();
  }
}

RecentChunks::Key RecentChunks::KeptAfter(size_t bytes) const {
  Key kept = kept_from_;
  size_t left = bytes_ + bytes;
  for (const Key& key : oldest_first_) {
    if (left <= max_bytes_) break;
    left -= chunks_.find(key)->second->size();
    kept = std::max(kept, {key.first, key.second + 1});
  }
  return kept;
}

// The wants of one node. Keeps the file that it is in open.
class SourceStream : public ContentStream {
 public:
  explicit SourceStream(SourceReader& reader) : reader_(reader) { reader_.streams_.insert(this); }
  ~SourceStream() override { reader_.streams_.erase(this); }

  absl::Status Want(const v1::Want& want) override {
    const SourceReader::Package* package = reader_.Find(want.manifest_sha256());
    if (package == nullptr) return BadWant("a manifest that is not this command's");
    if (waiting_.size() == kMaxWaiting) return BadWant("a third want before the first is answered");
    absl::StatusOr<Waiting> waiting = Accept(*package, want);
    if (!waiting.ok()) return waiting.status();
    waiting_.push_back(*std::move(waiting));
    moved_at_ = absl::Now();
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Next() override {
    moved_at_ = absl::Now();
    std::string piece;
    while (!waiting_.empty() && piece.size() < kMaxContentPieceBytes) {
      if (piece.capacity() < kMaxContentPieceBytes) piece.reserve(kMaxContentPieceBytes);
      Waiting& first = waiting_.front();
      const absl::Status status = first.want.manifest_index()        ? AppendIndex(first, &piece)
                                  : first.want.has_manifest_offset() ? AppendManifest(first, &piece)
                                                                     : AppendChunks(first, &piece);
      if (!status.ok()) return status;
    }
    return piece;
  }

  bool IsAhead() const override {
    const RecentChunks& recent = reader_.recent_;
    if (waiting_.empty() || waiting_.front().want.chunks().empty()) return false;
    RecentChunks::Key next = NextChunk();
    // A piece hardly ever ends with its chunk: it is the one behind that would be read.
    if (chunk_ != nullptr) ++next.second;
    if (recent.Find(next) != nullptr) return false;
    const RecentChunks::Key kept_after = recent.KeptAfter(2 * kMaxContentPieceBytes);
    const absl::Time stalled = absl::Now() - reader_.patience_;
    return std::any_of(
        reader_.streams_.begin(), reader_.streams_.end(), [&](const SourceStream* other) {
          return other != this && other->moved_at_ > stalled &&
                 other->reached_ >= recent.kept_from() && other->reached_ < kept_after;
        });
  }

 private:
  // A want, and how much of it was returned.
  struct Waiting {
    const SourceReader::Package* package;
    v1::Want want;
    ManifestPart part;  // what is left of it, or of the index
    int range = 0;
    uint64_t in_range = 0;
    size_t in_chunk = 0;
  };

  static absl::StatusOr<Waiting> Accept(const SourceReader::Package& package,
                                        const v1::Want& want) {
    Waiting waiting{.package = &package, .want = want};
    const int kinds = (want.manifest_index() ? 1 : 0) + (want.has_manifest_offset() ? 1 : 0) +
                      (want.chunks().empty() ? 0 : 1);
    if (kinds > 1) return BadWant("manifest, its index or chunks at once");
    if (want.manifest_index()) {
      if (package.content.manifest_index.empty()) return BadWant("the index of a small manifest");
      waiting.part.count = package.content.manifest_index.size();
    } else if (want.has_manifest_offset()) {
      const absl::StatusOr<ManifestPart> part = PartOf(want, package.content.manifest_bytes);
      if (!part.ok()) return part.status();
      waiting.part = *part;
    } else if (absl::Status s = CheckRanges(want, package.index.header().chunks); !s.ok()) {
      return s;
    }
    return waiting;
  }

  // Of the first want, which is for chunks.
  RecentChunks::Key NextChunk() const {
    const Waiting& first = waiting_.front();
    return {first.package->place, first.want.chunks(first.range).first() + first.in_range};
  }

  // So many of the bytes that are left as there is room for.
  static size_t Room(const Waiting& waiting, const std::string& piece) {
    return std::min<uint64_t>(kMaxContentPieceBytes - piece.size(), waiting.part.count);
  }

  void Took(Waiting& waiting, size_t count) {
    waiting.part.offset += count;
    waiting.part.count -= count;
    if (waiting.part.count == 0) waiting_.pop_front();
  }

  absl::Status AppendIndex(Waiting& waiting, std::string* piece) {
    const size_t count = Room(waiting, *piece);
    piece->append(waiting.package->content.manifest_index, waiting.part.offset, count);
    Took(waiting, count);
    return absl::OkStatus();
  }

  absl::Status AppendManifest(Waiting& waiting, std::string* piece) {
    const size_t begin = piece->size();
    const size_t count = Room(waiting, *piece);
    piece->resize(begin + count);
    const ssize_t got = ReadAt(waiting.package->content.manifest.get(), piece->data() + begin,
                               count, waiting.part.offset);
    if (got < 0) return ErrnoStatus(errno, "read", "the manifest");
    if (static_cast<size_t>(got) < count) {
      return absl::AbortedError("the manifest was cut off: run this again");
    }
    Took(waiting, count);
    return absl::OkStatus();
  }

  // As much of the current chunk as there is room for.
  absl::Status AppendChunks(Waiting& waiting, std::string* piece) {
    const v1::ChunkRange& range = waiting.want.chunks(waiting.range);
    if (chunk_ == nullptr) {
      reached_ = NextChunk();
      absl::StatusOr<RecentChunks::Bytes> chunk = Chunk(*waiting.package, reached_.second);
      if (!chunk.ok()) return chunk.status();
      chunk_ = *std::move(chunk);
    }
    const size_t count =
        std::min(kMaxContentPieceBytes - piece->size(), chunk_->size() - waiting.in_chunk);
    piece->append(*chunk_, waiting.in_chunk, count);
    waiting.in_chunk += count;
    if (waiting.in_chunk < chunk_->size()) return absl::OkStatus();
    chunk_ = nullptr;
    ++reached_.second;
    waiting.in_chunk = 0;
    if (++waiting.in_range < range.count()) return absl::OkStatus();
    waiting.in_range = 0;
    if (++waiting.range == waiting.want.chunks_size()) waiting_.pop_front();
    return absl::OkStatus();
  }

  absl::StatusOr<RecentChunks::Bytes> Chunk(const SourceReader::Package& package, uint64_t number) {
    const RecentChunks::Key key(package.place, number);
    if (RecentChunks::Bytes recent = reader_.recent_.Find(key)) return recent;
    if (package_ != &package) {
      absl::StatusOr<ChunkFinder> finder =
          ChunkFinder::Open(package.content.manifest.get(), package.index);
      if (!finder.ok()) return finder.status();
      finder_.emplace(*std::move(finder));
      package_ = &package;
      open_path_.reset();
    }
    const absl::StatusOr<ManifestSegment> segment = finder_->Find(number);
    if (!segment.ok()) return segment.status();
    absl::StatusOr<RecentChunks::Bytes> bytes = Read(*package.content.tree, *segment);
    // What a straggler reads for itself is of use to nobody else.
    if (bytes.ok() && key >= reader_.recent_.kept_from()) reader_.recent_.Add(key, *bytes);
    return bytes;
  }

  absl::StatusOr<RecentChunks::Bytes> Read(const SourceTree& tree, const ManifestSegment& segment) {
    const ManifestEntry& entry = finder_->entry();
    if (open_path_ != entry.path) {
      if (absl::Status status = OpenFile(tree, entry); !status.ok()) return status;
    }
    auto bytes = std::make_shared<std::string>(segment.length, '\0');
    const ssize_t got = ReadAt(file_.get(), bytes->data(), bytes->size(), segment.offset);
    if (got < 0) return tree.Error(errno, "read", entry.path);
    if (static_cast<uint64_t>(got) < segment.length) return tree.Changed(entry.path);
    absl::Status status = tree.CheckUnchanged(file_.get(), stamp_, entry.path);
    if (!status.ok()) return status;
    reader_.bytes_read_ += segment.length;
    return RecentChunks::Bytes(std::move(bytes));
  }

  absl::Status OpenFile(const SourceTree& tree, const ManifestEntry& entry) {
    open_path_.reset();
    absl::StatusOr<OwnedFd> file = tree.OpenFile(entry.path);
    if (!file.ok()) return file.status();
    struct stat info;
    if (fstat(file->get(), &info) != 0) return tree.Error(errno, "fstat", entry.path);
    if (static_cast<uint64_t>(info.st_size) != entry.size ||
        info.st_mtim.tv_sec != entry.mtime_seconds ||
        info.st_mtim.tv_nsec != int64_t{entry.mtime_nanoseconds}) {
      return tree.Changed(entry.path);
    }
    // Only a hint for the disk.
    posix_fadvise(file->get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    file_ = *std::move(file);
    stamp_ = FileStamp::Of(info);
    open_path_ = entry.path;
    return absl::OkStatus();
  }

  SourceReader& reader_;
  std::deque<Waiting> waiting_;
  RecentChunks::Bytes chunk_;  // the one that is being returned
  RecentChunks::Key reached_;  // it, or the one behind the last
  absl::Time moved_at_ = absl::Now();

  // Where reading is.
  const SourceReader::Package* package_ = nullptr;
  std::optional<ChunkFinder> finder_;
  std::optional<std::string> open_path_;
  OwnedFd file_;
  FileStamp stamp_;
};

SourceReader::SourceReader() : recent_(kRecentBytes) {}

absl::StatusOr<std::unique_ptr<SourceReader>> SourceReader::Open(
    std::vector<PackageContent> packages) {
  std::unique_ptr<SourceReader> reader(new SourceReader());
  for (PackageContent& content : packages) {
    absl::StatusOr<ChunkIndex> index = ChunkIndex::Build(content.manifest.get());
    if (!index.ok()) return index.status();
    reader->packages_.push_back(
        std::make_unique<const Package>(Package{.content = std::move(content),
                                                .index = *std::move(index),
                                                .place = reader->packages_.size()}));
  }
  return reader;
}

std::unique_ptr<ContentStream> SourceReader::Open() {
  return std::make_unique<SourceStream>(*this);
}

const SourceReader::Package* SourceReader::Find(const std::string& digest) const {
  for (const auto& package : packages_) {
    const Sha256& own = package->content.digest;
    if (digest == std::string_view(reinterpret_cast<const char*>(own.data()), own.size())) {
      return package.get();
    }
  }
  return nullptr;
}

}  // namespace bpa::controller

#include "agent/executor/package/content_check.h"

#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/read_at.h"
#include "proto/sha256.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

// Two saturate what an EBS volume reads; more would only take the machine from its work.
constexpr int kThreads = 2;
constexpr size_t kQueuedBatches = 6;
constexpr uint64_t kBatchBytes = 2 * 1024 * 1024;
constexpr size_t kBatchItems = 512;
constexpr int kBatchFiles = 32;

absl::Status Differs(const CheckedFile& file, uint64_t offset) {
  return absl::DataLossError(
      absl::StrCat(QuotedPath(file.path), " is not what the manifest says at offset ", offset));
}

uint64_t ChecksumOf(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

class SegmentReader {
 public:
  // Compares data with `checksum` if there is one, else with the segment's digest.
  absl::Status Check(const CheckedFile& file, const ManifestSegment& segment,
                     const std::optional<uint64_t>& checksum) {
    if (segment.hole) return CheckHole(file, segment);
    const absl::StatusOr<size_t> got = Read(file, segment.offset, segment.length);
    if (!got.ok()) return got.status();
    const std::string_view bytes(buffer_.data(), *got);
    const bool same = bytes.size() == segment.length &&
                      (checksum.has_value() ? ChecksumOf(bytes) == *checksum
                                            : hasher_.Of(bytes) == segment.digest);
    return same ? absl::OkStatus() : Differs(file, segment.offset);
  }

 private:
  // Whole holes are passed over without reading a byte.
  absl::Status CheckHole(const CheckedFile& file, const ManifestSegment& segment) {
    uint64_t offset = segment.offset;
    const uint64_t end = segment.offset + segment.length;
    while (offset < end) {
      const off_t data = lseek(file.fd.get(), static_cast<off_t>(offset), SEEK_DATA);
      if (data < 0 && errno == ENXIO) return absl::OkStatus();
      if (data >= 0) offset = std::max(offset, static_cast<uint64_t>(data));
      if (offset >= end) break;
      const absl::StatusOr<size_t> got =
          Read(file, offset, std::min<uint64_t>(end - offset, kMaxChunkBytes));
      if (!got.ok()) return got.status();
      const auto last = buffer_.begin() + static_cast<std::ptrdiff_t>(*got);
      if (*got == 0 || std::any_of(buffer_.begin(), last, [](char c) { return c != 0; })) {
        return Differs(file, offset);
      }
      offset += *got;
    }
    return absl::OkStatus();
  }

  // Into the buffer; fewer bytes than asked for at the file's end.
  absl::StatusOr<size_t> Read(const CheckedFile& file, uint64_t offset, uint64_t length) {
    const ssize_t got = ReadAt(file.fd.get(), buffer_.data(), length, offset);
    if (got < 0) return ErrnoStatus(errno, "read", QuotedPath(file.path));
    return static_cast<size_t>(got);
  }

  Sha256Hasher hasher_;
  std::vector<char> buffer_ = std::vector<char>(kMaxChunkBytes);
};

}  // namespace

ContentCheck::ContentCheck(ContentVerdicts& verdicts) : verdicts_(verdicts) {
  for (int i = 0; i < kThreads; ++i) threads_.emplace_back([this] { Work(); });
}

ContentCheck::~ContentCheck() {
  Wait();
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ContentCheck::Add(const std::shared_ptr<const CheckedFile>& file,
                       const ManifestSegment& segment) {
  Add({.file = file, .segment = segment, .checksum = std::nullopt});
}

void ContentCheck::AddWritten(const std::shared_ptr<const CheckedFile>& file,
                              const ManifestSegment& segment, std::string_view bytes) {
  Add({.file = file, .segment = segment, .checksum = ChecksumOf(bytes)});
}

void ContentCheck::Add(Item item) {
  if (batch_.empty() || batch_.back().file != item.file) ++batch_files_;
  batch_bytes_ += item.segment.hole ? 0 : item.segment.length;
  batch_.push_back(std::move(item));
  if (batch_bytes_ >= kBatchBytes || batch_.size() >= kBatchItems || batch_files_ >= kBatchFiles) {
    Flush();
  }
}

void ContentCheck::Flush() {
  if (batch_.empty()) return;
  {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return queue_.size() < kQueuedBatches; });
    queue_.push_back(std::exchange(batch_, {}));
  }
  batch_bytes_ = 0;
  batch_files_ = 0;
  work_.notify_one();
}

void ContentCheck::Wait() {
  Flush();
  std::unique_lock lock(mutex_);
  room_.wait(lock, [&] { return queue_.empty() && busy_ == 0; });
}

void ContentCheck::Work() {
  SegmentReader reader;
  for (;;) {
    Batch batch;
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [&] { return ending_ || !queue_.empty(); });
      if (queue_.empty()) return;
      batch = std::move(queue_.front());
      queue_.pop_front();
      ++busy_;
    }
    room_.notify_all();
    for (const Item& item : batch) {
      const absl::Status status = reader.Check(*item.file, item.segment, item.checksum);
      checked_bytes_ += item.segment.length;
      if (status.ok()) {
        verdicts_.Good(*item.file, item.segment);
      } else {
        verdicts_.Bad(*item.file, item.segment, status);
      }
    }
    batch.clear();
    {
      const std::lock_guard lock(mutex_);
      --busy_;
    }
    room_.notify_all();
  }
}

}  // namespace bpa::executor

#include "controller/staging/manifest_maker.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "controller/staging/parallel_hasher.h"

namespace bpa::controller {
namespace {

// How far the scan runs ahead of the hashing.
constexpr size_t kMaxPending = 1024;
constexpr int kMaxThreads = 4;
constexpr absl::Duration kReportEvery = absl::Milliseconds(200);
constexpr absl::Duration kSaveEvery = absl::Seconds(2);

int Threads(int wanted) {
  if (wanted > 0) return wanted;
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, kMaxThreads);
}

class Maker {
 public:
  Maker(const SourceTree& tree, const ManifestMaking& making,
        std::unique_ptr<ManifestWriter> writer)
      : making_(making),
        stop_(making.stop != nullptr ? *making.stop : never_),
        scan_(tree, making.modes),
        writer_(std::move(writer)),
        hasher_(tree, Threads(making.threads), stop_) {}

  absl::StatusOr<FinishedManifest> Make() {
    const absl::Status made = WriteAll();
    // Also what an interrupted run found out.
    const absl::Status saved = making_.cache != nullptr ? making_.cache->Save() : absl::OkStatus();
    if (!made.ok()) return made;
    if (!saved.ok()) return saved;
    if (making_.progressed) making_.progressed(progress_);
    return writer_->Finish();
  }

 private:
  enum class Content { kNone, kRemembered, kHashed };
  struct Pending {
    ScannedEntry scanned;
    Content content = Content::kNone;
    absl::Time at;
  };

  absl::Status WriteAll() {
    for (;;) {
      if (stop_) return absl::CancelledError("interrupted");
      absl::StatusOr<std::optional<ScannedEntry>> next = scan_.Next();
      if (!next.ok()) return next.status();
      if (!next->has_value()) break;
      if (absl::Status status = Begin(**std::move(next)); !status.ok()) return status;
      // What needs no hashing need not wait, unless it is behind something that does.
      while (!pending_.empty() &&
             (pending_.size() > kMaxPending || pending_.front().content != Content::kHashed)) {
        if (absl::Status status = WriteOldest(); !status.ok()) return status;
      }
    }
    while (!pending_.empty()) {
      if (absl::Status status = WriteOldest(); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status Begin(ScannedEntry scanned) {
    Pending pending{.scanned = std::move(scanned), .at = absl::Now()};
    const FileStamp& stamp = pending.scanned.stamp;
    if (pending.scanned.entry.size > 0) {
      pending.content = Content::kHashed;
      if (making_.cache != nullptr) {
        const absl::StatusOr<bool> remembered = making_.cache->Contains(stamp);
        if (!remembered.ok()) return remembered.status();
        if (*remembered) pending.content = Content::kRemembered;
      }
      if (pending.content == Content::kHashed) hasher_.Add(pending.scanned.entry.path, stamp);
    }
    pending_.push_back(std::move(pending));
    return absl::OkStatus();
  }

  absl::Status WriteOldest() {
    const Pending& oldest = pending_.front();
    if (absl::Status status = writer_->Add(oldest.scanned.entry); !status.ok()) return status;
    absl::Status status;
    if (oldest.content == Content::kRemembered) {
      status = making_.cache->Visit(
          oldest.scanned.stamp, [this](const ManifestSegment& segment) { return Write(segment); });
    } else if (oldest.content == Content::kHashed) {
      status = WriteHashed(oldest);
    }
    if (!status.ok()) return status;
    pending_.pop_front();
    ++progress_.entries;
    return Periodically();
  }

  absl::Status WriteHashed(const Pending& file) {
    HashCache* cache = making_.cache;
    if (cache != nullptr) cache->Begin(file.scanned.stamp);
    for (bool last = false; !last;) {
      const absl::StatusOr<bool> taken = hasher_.Take(&segments_);
      if (!taken.ok()) return taken.status();
      last = *taken;
      for (const ManifestSegment& segment : segments_) {
        if (absl::Status status = Write(segment); !status.ok()) return status;
        if (cache == nullptr) continue;
        if (absl::Status status = cache->Add(segment); !status.ok()) return status;
      }
      if (absl::Status status = Periodically(); !status.ok()) return status;
    }
    return cache != nullptr ? cache->Complete(file.at) : absl::OkStatus();
  }

  absl::Status Write(const ManifestSegment& segment) {
    progress_.bytes += segment.length;
    if (segment.hole) return writer_->AddHole(segment.length);
    return writer_->AddData(static_cast<uint32_t>(segment.length), segment.digest);
  }

  absl::Status Periodically() {
    const absl::Time now = absl::Now();
    if (making_.progressed && now - reported_ >= kReportEvery) {
      reported_ = now;
      making_.progressed(progress_);
    }
    if (making_.cache == nullptr || now - saved_ < kSaveEvery) return absl::OkStatus();
    saved_ = now;
    return making_.cache->Save();
  }

  const std::atomic<bool> never_ = false;
  const ManifestMaking& making_;
  const std::atomic<bool>& stop_;
  TreeScan scan_;
  std::unique_ptr<ManifestWriter> writer_;
  ParallelHasher hasher_;
  std::deque<Pending> pending_;
  std::vector<ManifestSegment> segments_;
  MakingProgress progress_;
  absl::Time reported_ = absl::Now();
  absl::Time saved_ = absl::Now();
};

}  // namespace

absl::StatusOr<FinishedManifest> MakeManifest(const SourceTree& tree, int fd,
                                              const ManifestMaking& making) {
  absl::StatusOr<std::unique_ptr<ManifestWriter>> writer = ManifestWriter::Create(fd);
  if (!writer.ok()) return writer.status();
  return Maker(tree, making, *std::move(writer)).Make();
}

}  // namespace bpa::controller

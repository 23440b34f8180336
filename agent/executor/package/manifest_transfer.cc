#include "agent/executor/package/manifest_transfer.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/executor/package/content_stream.h"
#include "agent/executor/package/tree_builder.h"
#include "proto/manifest_index.h"
#include "proto/read_at.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

// Where one may lie.
constexpr const char* kOlder[] = {"record/manifest", "previous/record/manifest",
                                  "abandoned/record/manifest"};
// What a cut connection loses at most.
constexpr uint64_t kTakenBytes = 32 * 1024;
constexpr int kFromSource = -1;

// Bytes that lie together, wherever they come from.
struct Stretch {
  uint64_t offset = 0;
  uint64_t length = 0;
  int from = kFromSource;  // or an older manifest
  uint64_t from_offset = 0;
};

struct Older {
  FileDescriptor fd;
  std::string shown;
};

class ManifestTransfer {
 public:
  ManifestTransfer(const Site& site, const v1::Package& package, int to, const std::string& shown,
                   ContentSource* source, ProgressTeller& progress)
      : site_(site),
        package_(package),
        to_(to),
        shown_(shown),
        source_(source),
        progress_(progress) {}

  absl::Status Run() {
    const absl::StatusOr<struct stat> info = StatDescriptor(to_, shown_);
    if (!info.ok()) return info.status();
    if (absl::Status s = Plan(static_cast<uint64_t>(info->st_size)); !s.ok()) return s;
    size_t asked = 0;
    ContentStream stream(source_, [&] { return NextWant(asked); });
    for (const Stretch& stretch : stretches_) {
      absl::Status s = stretch.from == kFromSource ? Take(stream, stretch) : Copy(stretch);
      if (!s.ok()) return s;
    }
    return stream.ExpectEnd();
  }

 private:
  // What follows the `have` bytes that are there.
  absl::Status Plan(uint64_t have) {
    if (have >= package_.manifest_bytes()) return absl::OkStatus();
    OpenOlder();
    if (package_.manifest_index_bytes() == 0 || older_.empty()) {
      stretches_ = {{.offset = have, .length = package_.manifest_bytes() - have}};
      return absl::OkStatus();
    }
    const absl::StatusOr<std::vector<ManifestPiece>> pieces = TakeIndex();
    if (!pieces.ok()) return pieces.status();
    const Places places = FindPieces(*pieces);
    for (const ManifestPiece& piece : *pieces) {
      if (piece.offset + piece.length > have) Add(piece, places.at(KeyOf(piece)), have);
    }
    return absl::OkStatus();
  }

  void OpenOlder() {
    for (const char* path : kOlder) {
      // One that cannot be read is no help, and no obstacle either.
      absl::StatusOr<FileDescriptor> file = OpenInStore(site_, path, O_RDONLY);
      if (file.ok()) older_.push_back({*std::move(file), ShownInStore(site_, path)});
    }
  }

  absl::StatusOr<std::vector<ManifestPiece>> TakeIndex() {
    std::optional<SizedWant> want(std::in_place);
    want->bytes = package_.manifest_index_bytes();
    want->want.set_manifest_sha256(package_.manifest_sha256());
    want->want.set_manifest_index(true);
    ContentStream stream(source_, [&]() -> absl::StatusOr<std::optional<SizedWant>> {
      return std::exchange(want, std::nullopt);
    });
    const absl::StatusOr<std::string_view> index = stream.Take(package_.manifest_index_bytes());
    if (!index.ok()) return index.status();
    absl::StatusOr<std::vector<ManifestPiece>> pieces =
        ParseManifestIndex(*index, package_.manifest_bytes());
    if (pieces.ok()) return pieces;
    return absl::InvalidArgumentError(
        absl::StrCat(std::string(pieces.status().message()),
                     ": refused, and nothing was published; bpactl and this node must be of one "
                     "release"));
  }

  struct Place {
    int from = kFromSource;
    uint64_t offset = 0;
  };
  // With its length: what is copied is what has that digest, whatever the index says.
  using Key = std::pair<PieceDigest, uint32_t>;
  using Places = std::map<Key, Place>;
  static Key KeyOf(const ManifestPiece& piece) { return {piece.digest, piece.length}; }

  // Each of `pieces`, and where an older manifest has it, if one does.
  Places FindPieces(const std::vector<ManifestPiece>& pieces) const {
    Places places;
    for (const ManifestPiece& piece : pieces) places.try_emplace(KeyOf(piece));
    for (size_t i = 0; i < older_.size(); ++i) {
      // A manifest that breaks off has been some help.
      ForEachManifestPiece(older_[i].fd.get(), [&](const ManifestPiece& piece) {
        const auto found = places.find(KeyOf(piece));
        if (found != places.end()) found->second = {static_cast<int>(i), piece.offset};
        return progress_.Tick();
      }).IgnoreError();
    }
    return places;
  }

  // The part of `piece` behind `have`, to the last stretch if it follows there.
  void Add(const ManifestPiece& piece, const Place& place, uint64_t have) {
    const uint64_t skipped = std::max(piece.offset, have) - piece.offset;
    const Stretch next = {.offset = piece.offset + skipped,
                          .length = piece.length - skipped,
                          .from = place.from,
                          .from_offset = place.offset + skipped};
    if (!stretches_.empty()) {
      Stretch& last = stretches_.back();
      if (last.from == next.from &&
          (next.from == kFromSource || last.from_offset + last.length == next.from_offset)) {
        last.length += next.length;
        return;
      }
    }
    stretches_.push_back(next);
  }

  absl::StatusOr<std::optional<SizedWant>> NextWant(size_t& asked) const {
    while (asked < stretches_.size() && stretches_[asked].from != kFromSource) ++asked;
    if (asked == stretches_.size()) return std::nullopt;
    const Stretch& stretch = stretches_[asked++];
    SizedWant want{.bytes = stretch.length};
    want.want.set_manifest_sha256(package_.manifest_sha256());
    want.want.set_manifest_offset(stretch.offset);
    want.want.set_manifest_count(stretch.length);
    return want;
  }

  absl::Status Take(ContentStream& stream, const Stretch& stretch) {
    for (uint64_t taken = 0; taken < stretch.length;) {
      const uint64_t count = std::min(kTakenBytes, stretch.length - taken);
      const absl::StatusOr<std::string_view> bytes = stream.Take(count);
      if (!bytes.ok()) return bytes.status();
      absl::Status s = WriteAt(to_, *bytes, stretch.offset + taken, shown_);
      if (s.ok()) s = progress_.Tick();
      if (!s.ok()) return s;
      taken += count;
    }
    return absl::OkStatus();
  }

  // Byte after byte, and no RangeCopier, which shares the middle before it copies the ends: what
  // the file holds is taken for the manifest's beginning after a crash.
  absl::Status Copy(const Stretch& stretch) {
    const Older& from = older_[static_cast<size_t>(stretch.from)];
    std::vector<char> buffer(std::min(kTakenBytes, stretch.length));
    for (uint64_t copied = 0; copied < stretch.length;) {
      const ssize_t got = ReadAt(from.fd.get(), buffer.data(),
                                 std::min<uint64_t>(buffer.size(), stretch.length - copied),
                                 stretch.from_offset + copied);
      if (got < 0) return ErrnoStatus(errno, "pread", from.shown);
      if (got == 0) {
        return absl::AbortedError(
            absl::StrCat(from.shown, " was cut off while it was read: run again"));
      }
      const auto count = static_cast<size_t>(got);
      absl::Status s =
          WriteAt(to_, std::string_view(buffer.data(), count), stretch.offset + copied, shown_);
      if (s.ok()) s = progress_.Tick();
      if (!s.ok()) return s;
      copied += count;
    }
    return absl::OkStatus();
  }

  const Site& site_;
  const v1::Package& package_;
  const int to_;
  const std::string& shown_;
  ContentSource* const source_;
  ProgressTeller& progress_;
  std::vector<Older> older_;
  std::vector<Stretch> stretches_;
};

}  // namespace

absl::Status CompleteManifest(const Site& site, const v1::Package& package, int to,
                              const std::string& shown, ContentSource* source,
                              ProgressTeller& progress) {
  return ManifestTransfer(site, package, to, shown, source, progress).Run();
}

}  // namespace bpa::executor

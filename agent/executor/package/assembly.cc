#include "agent/executor/package/assembly.h"

#include <optional>

#include "absl/strings/str_cat.h"

namespace bpa::executor {

void GoodChunks::Good(const CheckedFile&, const ManifestSegment& segment) {
  if (!segment.hole) good_.Add(segment.chunk);
}

void GoodChunks::Bad(const CheckedFile& file, const ManifestSegment& segment,
                     const absl::Status& why) {
  if (!strict_) return;
  const std::lock_guard lock(mutex_);
  if (failed_.exchange(true)) return;
  failure_ = absl::IsDataLoss(why)
                 ? absl::DataLossError(absl::StrCat(
                       QuotedPath(file.path), " does not read back as it was written, at offset ",
                       segment.offset, ": look at the disk (`dmesg`); nothing was published"))
                 : why;
}

absl::Status GoodChunks::failure() const {
  if (!failed_) return absl::OkStatus();
  const std::lock_guard lock(mutex_);
  return failure_;
}

Assembly::Assembly(const Site& the_site, int the_manifest, const ManifestHeader& header,
                   int the_root, uint32_t uid, uint32_t gid, ProgressTeller& teller)
    : site(the_site),
      manifest(the_manifest),
      root(the_root),
      shown(ShownInStore(the_site, "incoming/tree")),
      progress(teller),
      good(header.chunks),
      check(good),
      repeated(header.chunks),
      builder(the_root, shown, uid, gid) {}

absl::Status ForEachEntry(
    int manifest, const std::function<absl::Status(const ManifestEntry&, ManifestReader&)>& visit) {
  const absl::StatusOr<std::unique_ptr<ManifestReader>> reader = ManifestReader::Open(manifest);
  if (!reader.ok()) return reader.status();
  for (;;) {
    const absl::StatusOr<std::optional<ManifestEntry>> entry = (*reader)->Next();
    if (!entry.ok()) return entry.status();
    if (!*entry) return absl::OkStatus();
    if (absl::Status s = visit(**entry, **reader); !s.ok()) return s;
  }
}

absl::Status ForEachSegment(ManifestReader& reader,
                            const std::function<absl::Status(const ManifestSegment&)>& visit) {
  for (;;) {
    const absl::StatusOr<std::optional<ManifestSegment>> segment = reader.NextSegment();
    if (!segment.ok()) return segment.status();
    if (!*segment) return absl::OkStatus();
    if (absl::Status s = visit(**segment); !s.ok()) return s;
  }
}

}  // namespace bpa::executor

#include "agent/executor/package/receive.h"

#include <memory>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/executor/package/content_stream.h"
#include "agent/executor/package/want_planner.h"
#include "proto/sha256.h"

namespace bpa::executor {
namespace {

class Receiver {
 public:
  Receiver(Assembly& assembly, ContentStream& stream) : assembly_(assembly), stream_(stream) {}

  absl::Status Visit(const ManifestEntry& entry, ManifestReader& reader) {
    absl::Status s =
        entry.type == EntryType::kFile ? MakeFile(entry, reader) : assembly_.builder.Make(entry);
    if (s.ok()) s = assembly_.good.failure();
    return s.ok() ? assembly_.progress.Tick() : s;
  }

 private:
  // Opened only if something has to be written: of an update most files stand already.
  absl::Status MakeFile(const ManifestEntry& entry, ManifestReader& reader) {
    std::shared_ptr<const CheckedFile> file;
    absl::Status s = ForEachSegment(reader, [&](const ManifestSegment& segment) {
      if (segment.hole) {
        if (file != nullptr) assembly_.check.Add(file, segment);
        return absl::OkStatus();
      }
      if (assembly_.good.Has(segment.chunk) || assembly_.repeated.Has(segment.chunk)) {
        return absl::OkStatus();
      }
      if (file == nullptr) {
        absl::StatusOr<FileDescriptor> opened = assembly_.builder.OpenFile(entry);
        if (!opened.ok()) return opened.status();
        file = std::make_shared<CheckedFile>(*std::move(opened), entry.path);
      }
      return ReceiveChunk(file, segment);
    });
    if (!s.ok()) return s;
    return file == nullptr ? assembly_.builder.FinishUnopened(entry)
                           : assembly_.builder.FinishFile(file->fd.get(), entry);
  }

  absl::Status ReceiveChunk(const std::shared_ptr<const CheckedFile>& file,
                            const ManifestSegment& segment) {
    const absl::StatusOr<std::string_view> bytes = stream_.Take(segment.length);
    if (!bytes.ok()) return bytes.status();
    if (hasher_.Of(*bytes) != segment.digest) {
      return absl::DataLossError(absl::StrCat("what came for ", QuotedPath(file->path),
                                              " at offset ", segment.offset, " (chunk ",
                                              segment.chunk,
                                              ") has not the digest that the signed manifest says: "
                                              "refused, and nothing was published"));
    }
    absl::Status s = WriteAt(file->fd.get(), *bytes, segment.offset, QuotedPath(file->path));
    if (!s.ok()) return s;
    assembly_.check.AddWritten(file, segment, *bytes);
    v1::PackageProgress& now = assembly_.progress.now();
    now.set_received_bytes(now.received_bytes() + segment.length);
    now.set_checked_bytes(assembly_.check.checked_bytes());
    return assembly_.progress.Tick();
  }

  Assembly& assembly_;
  ContentStream& stream_;
  Sha256Hasher hasher_;
};

}  // namespace

absl::Status ReceiveMissing(Assembly& assembly, const bpa::Sha256& manifest_digest,
                            ContentSource* source) {
  absl::StatusOr<WantPlanner> planner = WantPlanner::Create(
      assembly.manifest, manifest_digest,
      [&](uint64_t chunk) { return !assembly.good.Has(chunk) && !assembly.repeated.Has(chunk); });
  if (!planner.ok()) return planner.status();
  ContentStream stream(source, [&] { return planner->Next(); });
  Receiver receiver(assembly, stream);
  assembly.good.BeStrict();
  absl::Status s =
      ForEachEntry(assembly.manifest, [&](const ManifestEntry& entry, ManifestReader& reader) {
        return receiver.Visit(entry, reader);
      });
  assembly.check.Wait();
  if (s.ok()) s = assembly.good.failure();
  return s.ok() ? stream.ExpectEnd() : s;
}

}  // namespace bpa::executor

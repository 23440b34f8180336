#include "agent/executor/package/tree_check.h"

#include <fcntl.h>

#include <algorithm>
#include <compare>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/executor/package/content_check.h"
#include "proto/manifest_reader.h"

namespace bpa::executor {
namespace {

class Findings : public ContentVerdicts {
 public:
  void Add(const TreeDifference& difference) {
    const std::lock_guard lock(mutex_);
    for (TreeDifference& known : found_.differences) {
      if (known.path != difference.path) continue;
      absl::StrAppend(&known.before, ", ", difference.before);
      absl::StrAppend(&known.after, ", ", difference.after);
      return;
    }
    ++found_.total;
    if (found_.differences.size() < kMaxNamedDifferences) found_.differences.push_back(difference);
  }

  void Good(const CheckedFile&, const ManifestSegment&) override {}
  void Bad(const CheckedFile& file, const ManifestSegment& segment,
           const absl::Status& why) override {
    if (file.told.exchange(true)) return;
    Add({.path = file.path,
         .before = absl::IsDataLoss(why) ? absl::StrCat("other content at offset ", segment.offset)
                                         : std::string(why.message()),
         .after = "the content that was signed"});
  }

  TreeFindings Take() {
    std::sort(found_.differences.begin(), found_.differences.end(),
              [](const TreeDifference& a, const TreeDifference& b) {
                return std::is_lt(CompareManifestPaths(a.path, b.path));
              });
    return std::move(found_);
  }

 private:
  std::mutex mutex_;
  TreeFindings found_;
};

}  // namespace

absl::StatusOr<TreeFindings> CheckTree(const Site& site, const std::string& record, int root,
                                       const std::string& shown, const TreeExpectation& expectation,
                                       ProgressTeller& progress) {
  const absl::StatusOr<FileDescriptor> manifest = OpenInStore(site, record + "/manifest", O_RDONLY);
  if (!manifest.ok()) return manifest.status();
  absl::StatusOr<FileDescriptor> stat = OpenInStore(site, record + "/stat", O_RDONLY);
  if (!stat.ok()) return stat.status();
  absl::StatusOr<TreeRecordReader> stamps = TreeRecordReader::Open(*std::move(stat));
  if (!stamps.ok()) return stamps.status();
  const absl::StatusOr<bpa::Sha256> digest = DigestOfFile(manifest->get());
  if (!digest.ok()) return digest.status();
  if (*digest != stamps->tree().manifest) {
    return absl::DataLossError(absl::StrCat(ShownInStore(site, record + "/manifest"),
                                            " is damaged: stage the package again"));
  }
  Findings findings;
  ContentCheck content(findings);
  CompareOptions options{.uid = expectation.uid,
                         .gid = expectation.gid,
                         .record = &*stamps,
                         .everything = expectation.everything,
                         .content = &content};
  options.tick = [&] {
    progress.now().set_checked_bytes(content.checked_bytes());
    return progress.Tick();
  };
  options.differs = [&](const TreeDifference& difference) {
    findings.Add(difference);
    return absl::OkStatus();
  };
  absl::Status s = CompareTree(manifest->get(), root, shown, options);
  content.Wait();
  if (!s.ok()) return s;
  return findings.Take();
}

}  // namespace bpa::executor

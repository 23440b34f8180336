#include "agent/executor/package/staging.h"

#include <fcntl.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/executor/describe.h"
#include "agent/executor/linux/remove_below.h"
#include "agent/executor/linux/tree_walk.h"
#include "agent/executor/package/assembly.h"
#include "agent/executor/package/copy_range.h"
#include "agent/executor/package/incoming.h"
#include "agent/executor/package/receive.h"
#include "agent/executor/package/reuse.h"
#include "agent/executor/package/tree_check.h"
#include "agent/executor/package/tree_compare.h"

namespace bpa::executor {
namespace {

constexpr char kTree[] = "incoming/tree";
constexpr char kStat[] = "incoming/record/stat";

class Staging {
 public:
  Staging(const Site& site, const StagingContext& context) : site_(site), context_(context) {}

  absl::Status Run() {
    // For what is not in the tree: the manifest, its entries.
    absl::Status s = CheckEarly();
    if (s.ok()) s = OpenManifestAndTree();
    if (!s.ok()) return s;
    Reuse reuse(*assembly_, header_.chunks);
    if (s = reuse.ReadWanted(); s.ok()) s = Resume();
    if (s.ok()) s = reuse.FindTrees();
    if (s.ok()) s = PlanAndCheckRoom(reuse);
    context_.step("reuse");
    if (s.ok()) s = Fill(reuse);
    if (s.ok()) s = Seal();
    if (!s.ok()) return s;
    context_.progress.Enter(v1::PackageProgress::PHASE_PUBLISH);
    context_.step("publish");
    return PublishIncoming(site_, root_id_, context_.package.keep_previous(), context_.step);
  }

 private:
  absl::Status CheckEarly() {
    const absl::StatusOr<std::optional<struct statx>> begun = StatInStore(site_, kTree);
    if (!begun.ok()) return begun.status();
    if (*begun) return absl::OkStatus();  // part of it stands already
    return CheckRoom(site_, context_.package.manifest_bytes(), context_.package.entries());
  }

  absl::Status OpenManifestAndTree() {
    context_.step("manifest");
    absl::StatusOr<FileDescriptor> manifest =
        PrepareIncoming(site_, context_.package, context_.content, context_.progress);
    if (!manifest.ok()) return manifest.status();
    manifest_ = *std::move(manifest);
    const absl::StatusOr<std::unique_ptr<ManifestReader>> reader =
        ManifestReader::Open(manifest_.get());
    if (!reader.ok()) return reader.status();
    header_ = (*reader)->header();
    if (header_.entries != context_.package.entries() ||
        header_.content_bytes != context_.package.content_bytes()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the manifest has ", header_.entries, " entries and ", header_.content_bytes,
                       " bytes of content, and the command says ", context_.package.entries(),
                       " and ", context_.package.content_bytes(), ": refused"));
    }
    absl::Status s = MakeDirectoryInStore(site_, kTree);
    if (!s.ok()) return s;
    absl::StatusOr<FileDescriptor> root = OpenInStore(site_, kTree, O_RDONLY | O_DIRECTORY);
    if (!root.ok()) return root.status();
    root_ = *std::move(root);
    const absl::StatusOr<struct statx> info = StatEntry(root_.get(), "", kTree);
    if (!info.ok()) return info.status();
    root_id_ = RootIdOf(*info);
    assembly_.emplace(site_, manifest_.get(), header_, root_.get(), context_.uid, context_.gid,
                      context_.progress);
    context_.progress.now().set_total_bytes(header_.content_bytes);
    return absl::OkStatus();
  }

  // What an earlier run has left: what has the right content counts as present, and what is in the
  // way goes.
  absl::Status Resume() {
    context_.progress.Enter(v1::PackageProgress::PHASE_REUSE);
    CompareOptions options{.unfinished = true, .content = &assembly_->check, .found = &found_};
    options.tick = [&] { return context_.progress.Tick(); };
    options.differs = [&](const TreeDifference& difference) {
      if (!difference.in_the_way) return absl::OkStatus();
      return RemoveBelowPath(difference.path);
    };
    absl::Status s = CompareTree(manifest_.get(), root_.get(), assembly_->shown, options);
    assembly_->check.Wait();
    return s;
  }

  absl::Status RemoveBelowPath(const std::string& path) {
    DirectoryCursor cursor(root_.get(), assembly_->shown);
    const absl::StatusOr<EntryPlace> place = cursor.Find(path);
    if (!place.ok()) return place.status();
    return RemoveBelow(place->directory, place->name, cursor.Shown(path));
  }

  absl::Status PlanAndCheckRoom(Reuse& reuse) {
    const absl::StatusOr<Lack> lack = reuse.Index();
    if (!lack.ok()) return lack.status();
    uint64_t room = lack->room;
    if (lack->reusable > 0) {
      const absl::StatusOr<bool> shares = CanShareBlocks(site_.store.get(), site_.store_path);
      if (!shares.ok()) return shares.status();
      if (*shares) room -= std::min(room, lack->reusable);
    }
    v1::PackageProgress& now = context_.progress.now();
    now.set_reused_bytes(header_.content_bytes - lack->bytes + lack->reusable);
    const uint64_t missing = header_.entries - std::min(header_.entries, found_);
    return CheckRoom(site_, room, missing);
  }

  absl::Status Fill(Reuse& reuse) {
    absl::Status s = reuse.CopyFromOthers();
    if (!s.ok()) return WithHint(s);
    context_.step("receive");
    context_.progress.Enter(v1::PackageProgress::PHASE_RECEIVE);
    s = ReceiveMissing(*assembly_, ManifestDigest(context_.package), context_.content);
    context_.progress.Enter(v1::PackageProgress::PHASE_CHECK);
    if (s.ok()) s = reuse.CopyRepeated();
    return WithHint(s);
  }

  absl::Status WithHint(const absl::Status& status) const {
    if (!absl::IsResourceExhausted(status)) return status;
    return absl::ResourceExhaustedError(absl::StrCat(
        std::string(status.message()), ": make room, then run again; what has come is kept in ",
        ShownInStore(site_, "incoming"), ", which may be removed to give up"));
  }

  // Directories get their attributes, everything is looked at once more, and the record is written.
  absl::Status Seal() {
    context_.step("seal");
    absl::Status s = CheckAllGood();
    if (!s.ok()) return s;
    absl::StatusOr<FileDescriptor> file = CreateInStore(site_, kStat);
    if (!file.ok()) return file.status();
    TreeRecordWriter record(*std::move(file), {.manifest = ManifestDigest(context_.package),
                                               .entries = header_.entries,
                                               .root = root_id_,
                                               .uid = context_.uid,
                                               .gid = context_.gid,
                                               .label = context_.package.label()});
    CompareOptions options{.uid = context_.uid,
                           .gid = context_.gid,
                           .finish_directories = true,
                           .write_record = &record};
    options.tick = [&] { return context_.progress.Tick(); };
    options.differs = [&](const TreeDifference& difference) {
      return absl::InternalError(absl::StrCat(
          "the received tree is not as its manifest says: ", QuotedPath(difference.path), " is ",
          difference.before, " and not ", difference.after, "; nothing was published"));
    };
    s = CompareTree(manifest_.get(), root_.get(), assembly_->shown, options);
    if (s.ok()) s = record.Finish();
    if (s.ok()) s = RemoveInStore(site_, "index.db");
    return WithHint(s);
  }

  absl::Status CheckAllGood() const {
    for (uint64_t chunk = 0; chunk < header_.chunks; ++chunk) {
      if (!assembly_->good.Has(chunk)) {
        return absl::InternalError(
            absl::StrCat("chunk ", chunk, " of the package is not on the disk: run again"));
      }
    }
    return absl::OkStatus();
  }

  const Site& site_;
  const StagingContext& context_;
  FileDescriptor manifest_;
  FileDescriptor root_;
  RootId root_id_;
  uint64_t found_ = 0;
  ManifestHeader header_;
  std::optional<Assembly> assembly_;
};

}  // namespace

absl::Status StagePackage(const Site& site, const StagingContext& context) {
  return Staging(site, context).Run();
}

absl::Status RollBack(const Site& site, const StagingContext& context) {
  const absl::StatusOr<std::optional<TreeIdentity>> kept = FindIdentity(site, "previous/record");
  if (!kept.ok()) return kept.status();
  const absl::StatusOr<std::optional<struct statx>> tree = StatInStore(site, "previous/tree");
  if (!tree.ok()) return tree.status();
  if (!*kept || !*tree || (*kept)->root != RootIdOf(**tree) ||
      (*kept)->manifest != ManifestDigest(context.package)) {
    return absl::FailedPreconditionError(absl::StrCat("the tree that is kept beside ",
                                                      site.destination,
                                                      " is not the one that the command names"));
  }
  context.progress.Enter(v1::PackageProgress::PHASE_CHECK);
  const absl::StatusOr<FileDescriptor> root =
      OpenInStore(site, "previous/tree", O_RDONLY | O_DIRECTORY);
  if (!root.ok()) return root.status();
  const absl::StatusOr<TreeFindings> findings =
      CheckTree(site, "previous/record", root->get(), ShownInStore(site, "previous/tree"),
                {.uid = context.uid, .gid = context.gid, .everything = true}, context.progress);
  if (!findings.ok()) return findings.status();
  if (findings->total > 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the tree that is kept beside ", site.destination, " is not what it was: ",
        QuotedPath(findings->differences[0].path), " is ", findings->differences[0].before,
        findings->total > 1 ? absl::StrCat(", and ", findings->total - 1, " more") : "",
        "; stage that version again instead"));
  }
  context.progress.Enter(v1::PackageProgress::PHASE_PUBLISH);
  return PublishPrevious(site, context.step);
}

}  // namespace bpa::executor

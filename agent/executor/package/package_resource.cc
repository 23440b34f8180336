#include "agent/executor/package/package_resource.h"

#include <fcntl.h>

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/executor/describe.h"
#include "agent/executor/fstab.h"
#include "agent/executor/package/incoming.h"
#include "agent/executor/package/staging.h"
#include "agent/executor/path.h"

namespace bpa::executor {
namespace {

constexpr char kAspect[] = "packages";
constexpr char kFstab[] = "/etc/fstab";
constexpr size_t kShownDigestBytes = 6;
constexpr char kForeign[] = "something not published by bpactl";

std::string Describe(const std::string& label, std::string_view digest) {
  const std::string hex = absl::BytesToHexString(std::string(digest.substr(0, kShownDigestBytes)));
  return label.empty() ? hex : absl::StrCat(label, " (", hex, ")");
}

std::string Describe(const TreeIdentity& tree) {
  return Describe(tree.label, std::string(tree.manifest.begin(), tree.manifest.end()));
}

bool IsMounted(const std::vector<MountEntry>& mounts, const std::string& mount_point) {
  return TopMount(mounts, mount_point).has_value();
}

// fstab(5): what only an administrator mounts is not missing.
bool IsMountedAtBoot(const FstabEntry& entry) {
  return entry.type != "swap" &&
         !absl::StrContains(absl::StrCat(",", entry.options, ","), ",noauto,");
}

}  // namespace

PackageResource::PackageResource(v1::Package wanted, PackageRun run, Host& host)
    : wanted_(std::move(wanted)), run_(std::move(run)), host_(host) {}

std::string PackageResource::Wanted() const {
  return Describe(wanted_.label(), wanted_.manifest_sha256());
}

absl::StatusOr<PackageResource::Owner> PackageResource::ResolveOwner() const {
  Owner owner;
  if (wanted_.has_owner()) {
    const absl::StatusOr<uint32_t> uid = host_.LookUpUser(wanted_.owner());
    if (!uid.ok()) return InContext(absl::StrCat("owner of ", name()), uid.status());
    owner.uid = *uid;
  }
  if (wanted_.has_group()) {
    const absl::StatusOr<uint32_t> gid = host_.LookUpGroup(wanted_.group());
    if (!gid.ok()) return InContext(absl::StrCat("group of ", name()), gid.status());
    owner.gid = *gid;
  }
  return owner;
}

// A role may hold packages and no volumes, and the volume be missing all the same: fstab knows.
absl::Status PackageResource::CheckMounts() const {
  const absl::StatusOr<std::string> text = host_.ReadFile(kFstab, kMaxFstabBytes);
  if (absl::IsNotFound(text.status())) return absl::OkStatus();
  if (!text.ok()) return text.status();
  const absl::StatusOr<std::vector<FstabEntry>> entries = ParseFstab(*text);
  // Somebody else's mistake in a line is no reason to refuse: mount(8) passes over it as well.
  if (!entries.ok()) return absl::OkStatus();
  const absl::StatusOr<std::vector<MountEntry>> mounts = host_.ReadMounts();
  if (!mounts.ok()) return mounts.status();
  for (const FstabEntry& entry : *entries) {
    if (entry.mount_point == "/" || !IsAtOrBelow(name(), entry.mount_point) ||
        !IsMountedAtBoot(entry) || IsMounted(*mounts, entry.mount_point)) {
      continue;
    }
    return absl::FailedPreconditionError(absl::StrCat(
        name(), " is not touched: ", entry.mount_point, " (line ", entry.line, " of ", kFstab,
        ") is not mounted, and nothing may land on the disk beneath it: mount it, then run again"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Site> PackageResource::OpenCheckedSite() const {
  const absl::StatusOr<Covering> covering = FindCovering(host_, run_.below_volume);
  if (!covering.ok()) return covering.status();
  if (!covering->known) return NotMounted(name(), run_.below_volume);
  if (absl::Status s = CheckMounts(); !s.ok()) return s;
  absl::StatusOr<Site> site = OpenSite(name());
  if (!site.ok()) return site.status();
  const absl::StatusOr<struct stat> parent = StatDescriptor(site->parent.get(), ParentOf(name()));
  if (!parent.ok()) return parent.status();
  const FileInfo info{.type = FileType::kDirectory, .device = parent->st_dev};
  absl::Status s = CheckOnVolume(*covering, ParentOf(name()), info, run_.below_volume);
  if (!s.ok()) return s;
  return site;
}

absl::StatusOr<std::vector<Difference>> PackageResource::Observe() {
  const absl::StatusOr<Owner> owner = ResolveOwner();
  if (!owner.ok()) return owner.status();
  const absl::StatusOr<Site> site = OpenCheckedSite();
  // What comes before this may make the parent.
  if (absl::IsNotFound(site.status()) && !wanted_.rollback()) return Replaced("nothing");
  if (!site.ok()) return site.status();
  return ObserveAt(*site, *owner);
}

std::vector<Difference> PackageResource::Replaced(std::string before) const {
  return {{kAspect, std::move(before), Wanted()}};
}

absl::StatusOr<std::vector<Difference>> PackageResource::ObserveAt(const Site& site,
                                                                   const Owner& owner) {
  const absl::StatusOr<std::optional<struct statx>> destination = StatDestination(site);
  if (!destination.ok()) return destination.status();
  absl::StatusOr<std::optional<KnownTree>> known = std::nullopt;
  if (*destination) known = FindKnownTree(site, RootIdOf(**destination));
  if (!known.ok()) return known.status();
  if (!*known || (*known)->tree.manifest != ManifestDigest(wanted_)) {
    if (wanted_.rollback()) {
      if (absl::Status s = CheckRollback(site); !s.ok()) return s;
    }
    if (!*destination) return Replaced("nothing");
    return Replaced(*known ? Describe((*known)->tree)
                           : absl::StrCat(kForeign, ", which will be kept as the previous tree"));
  }
  const absl::StatusOr<bool> unfinished = IsPublicationUnfinished(site);
  if (!unfinished.ok()) return unfinished.status();
  if (*unfinished) {
    return Replaced(absl::StrCat(Describe((*known)->tree), ", its publication not yet finished"));
  }
  if (run_.glance) return std::vector<Difference>();
  return ObserveTree(site, owner, **known);
}

absl::StatusOr<std::vector<Difference>> PackageResource::ObserveTree(const Site& site,
                                                                     const Owner& owner,
                                                                     const KnownTree& known) {
  const absl::StatusOr<FileDescriptor> root =
      OpenBelow(site.parent.get(), site.name, O_RDONLY | O_DIRECTORY, name());
  if (!root.ok()) return root.status();
  ProgressTeller progress(sink_, run_.stopping);
  progress.now().set_total_bytes(wanted_.content_bytes());
  if (run_.verify) progress.Enter(v1::PackageProgress::PHASE_CHECK);
  const absl::StatusOr<TreeFindings> findings =
      CheckTree(site, known.record, root->get(), name(),
                {.uid = owner.uid, .gid = owner.gid, .everything = run_.verify}, progress);
  // Then it cannot be told, and a new publication puts it right.
  if (absl::IsDataLoss(findings.status()) || absl::IsNotFound(findings.status())) {
    return Replaced(absl::StrCat(Describe(known.tree), ", its record damaged"));
  }
  if (!findings.ok()) return findings.status();
  if (findings->total == 0) return std::vector<Difference>();
  if (!run_.verify) {
    return Replaced(absl::StrCat(Describe(known.tree), ", changed since: ", findings->total,
                                 findings->total == 1 ? " entry, " : " entries, first ",
                                 QuotedPath(findings->differences[0].path)));
  }
  std::vector<Difference> differences;
  for (const TreeDifference& difference : findings->differences) {
    differences.push_back({"file",
                           absl::StrCat(QuotedPath(difference.path), ": ", difference.before),
                           absl::StrCat(QuotedPath(difference.path), ": ", difference.after)});
  }
  if (findings->total > differences.size()) {
    differences.push_back(
        {"file", absl::StrCat("and ", findings->total - differences.size(), " more"), Wanted()});
  }
  return differences;
}

absl::Status PackageResource::CheckRollback(const Site& site) const {
  const absl::StatusOr<std::optional<TreeIdentity>> kept = FindIdentity(site, "previous/record");
  if (!kept.ok()) return kept.status();
  if (*kept && (*kept)->manifest == ManifestDigest(wanted_)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("there is no ", Wanted(), " to go back to beside ", name(), ": kept is ",
                   *kept ? Describe(**kept) : "nothing", "; stage that version instead"));
}

absl::Status PackageResource::Converge() {
  const absl::StatusOr<Owner> owner = ResolveOwner();
  if (!owner.ok()) return owner.status();
  absl::StatusOr<Site> site = OpenCheckedSite();
  if (absl::IsNotFound(site.status())) {
    return absl::FailedPreconditionError(absl::StrCat(
        ParentOf(name()), ", in which the package is to be published, does not exist: make it (a ",
        "`directories` entry of the role does), then run again"));
  }
  if (!site.ok()) return site.status();
  if (const auto destination = StatDestination(*site); !destination.ok()) {
    return destination.status();
  }
  if (absl::Status s = MakeStore(*site); !s.ok()) return s;
  ProgressTeller progress(sink_, run_.stopping);
  absl::Status s = ConvergeAt(*site, *owner, progress);
  if (absl::IsUnavailable(s)) {
    return absl::UnavailableError(
        absl::StrCat("the connection ended (", std::string(s.message()),
                     "); what has come is kept: send it again, and it goes on from there"));
  }
  return s;
}

absl::Status PackageResource::ConvergeAt(const Site& site, const Owner& owner,
                                         ProgressTeller& progress) {
  // That may have been all.
  absl::Status s = FinishPublication(site, run_.step);
  if (!s.ok()) return s;
  const absl::StatusOr<std::vector<Difference>> left = ObserveAt(site, owner);
  if (!left.ok()) return left.status();
  if (left->empty()) return absl::OkStatus();
  const StagingContext context{.package = wanted_,
                               .uid = owner.uid,
                               .gid = owner.gid,
                               .content = run_.content,
                               .progress = progress,
                               .step = run_.step};
  return wanted_.rollback() ? RollBack(site, context) : StagePackage(site, context);
}

}  // namespace bpa::executor

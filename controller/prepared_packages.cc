#include "controller/prepared_packages.h"

#include <optional>
#include <ostream>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "controller/forms.h"
#include "controller/interrupt.h"
#include "controller/package_history.h"
#include "controller/packages.h"
#include "controller/report_text.h"
#include "controller/staging/package_store.h"

namespace bpa::controller {
namespace {

using SourcesByRole = std::map<std::string, std::vector<PackageSource>>;

std::set<std::string> RolesOf(const std::vector<Node>& nodes) {
  std::set<std::string> roles;
  for (const Node& node : nodes) roles.insert(node.role);
  return roles;
}

// What is seen of the making.
class Display {
 public:
  explicit Display(const GlobalOptions& global) : global_(global) {}

  std::function<void(const MakingProgress&)> Observer(const std::string& directory) {
    if (!global_.progress_terminal) return nullptr;
    return [this, directory](const MakingProgress& progress) {
      global_.err << "\r\x1b[KReading " << QuotedPath(directory) << ": " << ByteText(progress.bytes)
                  << ", " << Plural(progress.entries, "entry") << std::flush;
      drawn_ = true;
    };
  }
  void Clear() {
    if (std::exchange(drawn_, false)) global_.err << "\r\x1b[K";
  }
  void Made(const PackageSource& source, const v1::Package& package) {
    Clear();
    if (global_.json()) return;
    global_.err << "Package " << QuotedPath(package.label()) << " ("
                << absl::BytesToHexString(package.manifest_sha256()).substr(0, 12)
                << "): " << ByteText(package.content_bytes()) << ", "
                << Plural(package.entries(), "entry") << ", from " << QuotedPath(source.directory)
                << "\n";
  }

 private:
  const GlobalOptions& global_;
  bool drawn_ = false;
};

// One manifest for all roles that have the same tree in the same way.
class Preparer {
 public:
  Preparer(const GlobalOptions& global, PackageStore& store)
      : store_(store), interrupt_("bpactl: left; nothing was sent.\n"), display_(global) {}

  absl::StatusOr<v1::Package> Prepare(const PackageSource& source) {
    const Key key(source.directory, source.modes.files, source.modes.directories);
    const auto known = made_.find(key);
    if (known != made_.end()) {
      v1::Package package = source.package;
      CopyManifest(known->second, &package);
      return package;
    }
    absl::StatusOr<v1::Package> package =
        store_.Make(source, display_.Observer(source.directory), interrupt_.stop());
    display_.Clear();
    if (!package.ok()) return package;
    display_.Made(source, *package);
    made_.emplace(key, *package);
    return package;
  }

  absl::StatusOr<std::unique_ptr<SourceReader>> Content() const {
    std::set<std::string> digests;
    for (const auto& [key, package] : made_) digests.insert(package.manifest_sha256());
    return ContentOf(store_, digests);
  }

  static absl::StatusOr<std::unique_ptr<SourceReader>> ContentOf(
      const PackageStore& store, const std::set<std::string>& digests) {
    std::vector<PackageContent> contents;
    for (const std::string& digest : digests) {
      absl::StatusOr<PackageContent> content = store.Content(digest);
      if (!content.ok()) return content.status();
      contents.push_back(*std::move(content));
    }
    return SourceReader::Open(std::move(contents));
  }

 private:
  using Key = std::tuple<std::string, std::optional<uint16_t>, std::optional<uint16_t>>;

  static void CopyManifest(const v1::Package& from, v1::Package* to) {
    to->set_manifest_sha256(from.manifest_sha256());
    to->set_manifest_bytes(from.manifest_bytes());
    to->set_manifest_index_bytes(from.manifest_index_bytes());
    to->set_content_bytes(from.content_bytes());
    to->set_entries(from.entries());
  }

  PackageStore& store_;
  const Interrupt interrupt_;
  Display display_;
  std::map<Key, v1::Package> made_;
};

absl::StatusOr<PreparedPackages> PrepareAll(const GlobalOptions& global, const Home& home,
                                            const SourcesByRole& sources) {
  PreparedPackages prepared;
  if (sources.empty()) return prepared;
  const absl::StatusOr<std::unique_ptr<PackageStore>> store = PackageStore::Open(home.path());
  if (!store.ok()) return store.status();
  Preparer preparer(global, **store);
  for (const auto& [role, packages] : sources) {
    for (const PackageSource& source : packages) {
      absl::StatusOr<v1::Package> package = preparer.Prepare(source);
      if (!package.ok()) return package.status();
      prepared.by_role[role].push_back(*std::move(package));
    }
  }
  absl::StatusOr<std::unique_ptr<SourceReader>> content = preparer.Content();
  if (!content.ok()) return content.status();
  prepared.content = *std::move(content);
  return prepared;
}

absl::StatusOr<PreparedPackages> PrepareRollback(const Home& home, const std::vector<Node>& nodes,
                                                 const StagingWish& wish) {
  absl::StatusOr<v1::Package> package = PreviousPackage(home, nodes, wish.destination);
  if (!package.ok()) return package.status();
  package->set_rollback(true);
  package->set_keep_previous(true);
  PreparedPackages prepared;
  for (const std::string& role : RolesOf(nodes)) prepared.by_role[role] = {*package};
  return prepared;
}

absl::Status CheckWish(const Cluster& cluster, const std::set<std::string>& roles,
                       const StagingWish& wish) {
  const auto bad = [](const std::string& what, const std::string& problem) {
    return absl::InvalidArgumentError(absl::StrCat(what, " ", problem));
  };
  if (const std::string problem = PathProblem(wish.destination); !problem.empty()) {
    return bad(absl::StrCat("--to: '", wish.destination, "'"), problem);
  }
  for (const v1::Role& role : cluster.roles) {
    if (!roles.contains(role.name())) continue;
    const std::string problem = DestinationProblem(wish.destination, role);
    if (!problem.empty()) return bad(absl::StrCat("--to: '", wish.destination, "'"), problem);
  }
  if (wish.rollback) return absl::OkStatus();
  if (wish.label.empty() && DefaultLabel(wish.directory).empty()) {
    return bad(QuotedPath(wish.directory), "has no name that can be the label: give --label");
  }
  if (wish.label.empty()) return absl::OkStatus();
  if (const std::string problem = LabelProblem(wish.label); !problem.empty()) {
    return bad(absl::StrCat("--label: ", QuotedPath(wish.label)), problem);
  }
  return absl::OkStatus();
}

PackageSource SourceFor(const Cluster& cluster, const std::string& role, const StagingWish& wish) {
  PackageSource source;
  if (const auto packages = cluster.packages.find(role); packages != cluster.packages.end()) {
    for (const PackageSource& known : packages->second) {
      if (known.package.destination() == wish.destination) source = known;
    }
  }
  source.directory = wish.directory;
  source.package.set_destination(wish.destination);
  source.package.set_label(wish.label.empty() ? DefaultLabel(wish.directory) : wish.label);
  if (wish.keep_previous) source.package.set_keep_previous(true);
  return source;
}

}  // namespace

absl::StatusOr<PreparedPackages> PreparePackages(const GlobalOptions& global, const Home& home,
                                                 const Cluster& cluster,
                                                 const std::vector<Node>& nodes) {
  SourcesByRole sources;
  for (const std::string& role : RolesOf(nodes)) {
    const auto packages = cluster.packages.find(role);
    if (packages != cluster.packages.end()) sources.insert(*packages);
  }
  return PrepareAll(global, home, sources);
}

absl::StatusOr<PreparedPackages> PrepareStaging(const GlobalOptions& global, const Home& home,
                                                const Cluster& cluster,
                                                const std::vector<Node>& nodes,
                                                const StagingWish& wish) {
  const std::set<std::string> roles = RolesOf(nodes);
  if (absl::Status status = CheckWish(cluster, roles, wish); !status.ok()) return status;
  if (wish.rollback) return PrepareRollback(home, nodes, wish);
  SourcesByRole sources;
  for (const std::string& role : roles) sources[role] = {SourceFor(cluster, role, wish)};
  return PrepareAll(global, home, sources);
}

absl::StatusOr<std::unique_ptr<SourceReader>> ContentOf(const Home& home,
                                                        const v1::Command& command) {
  std::set<std::string> digests;
  for (const v1::Role& role : command.roles()) {
    for (const v1::Package& package : role.packages()) {
      if (!package.rollback()) digests.insert(package.manifest_sha256());
    }
  }
  if (digests.empty()) return nullptr;
  const absl::StatusOr<std::unique_ptr<PackageStore>> store = PackageStore::Open(home.path());
  if (!store.ok()) return store.status();
  absl::StatusOr<std::unique_ptr<SourceReader>> content = Preparer::ContentOf(**store, digests);
  if (absl::IsNotFound(content.status())) {
    return absl::NotFoundError(
        absl::StrCat("a package of this command is not known here: send it from the machine and "
                     "home that made it, while its source is there (",
                     content.status().message(), ")"));
  }
  return content;
}

}  // namespace bpa::controller

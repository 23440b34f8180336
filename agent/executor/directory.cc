#include "agent/executor/directory.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/executor/describe.h"
#include "agent/executor/path.h"

namespace bpa::executor {
namespace {

// "elastic (1000)", or "1000" where the role names the number.
std::string DescribeAccount(const std::string& name, uint32_t id) {
  const std::string number = absl::StrCat(id);
  return name == number ? number : absl::StrCat(name, " (", number, ")");
}

absl::Status InTheWay(const std::string& path, FileType type) {
  const char* what = type == FileType::kSymlink   ? "is a symbolic link"
                     : type == FileType::kRegular ? "is a file"
                                                  : "is not a directory";
  return absl::FailedPreconditionError(
      absl::StrCat(path, " ", what, ", where a directory is wanted: move it away, then run again"));
}

}  // namespace

struct DirectoryResource::State {
  Covering covering;
  std::optional<FileInfo> existing;
  // Where it does not exist: the nearest directory above that does.
  std::string nearest_parent;
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  std::vector<Difference> differences;
};

DirectoryResource::DirectoryResource(v1::Directory wanted, std::string root,
                                     std::string below_volume, Host& host)
    : wanted_(std::move(wanted)),
      root_(std::move(root)),
      below_volume_(std::move(below_volume)),
      host_(host) {}

absl::StatusOr<std::vector<Difference>> DirectoryResource::Observe() {
  absl::StatusOr<State> state = Inspect();
  if (!state.ok()) return state.status();
  return std::move(state->differences);
}

absl::Status DirectoryResource::Converge() {
  const absl::StatusOr<State> state = Inspect();
  if (!state.ok()) return state.status();
  if (!state->covering.known) return NotMounted(name(), below_volume_);
  if (state->differences.empty()) return absl::OkStatus();
  if (!state->existing) {
    absl::Status made = Make(*state);
    if (!made.ok()) return made;
  } else if (wanted_.has_mode() && wanted_.mode() != state->existing->mode) {
    absl::Status set = host_.SetMode(name(), wanted_.mode());
    if (!set.ok()) return set;
  }
  if (state->uid || state->gid) {
    absl::Status owned = host_.SetOwner(name(), state->uid, state->gid);
    if (!owned.ok()) return owned;
  }
  return absl::OkStatus();
}

absl::Status DirectoryResource::Settle() { return host_.SyncFilesystem(name()); }

absl::StatusOr<DirectoryResource::State> DirectoryResource::Inspect() {
  State state;
  absl::StatusOr<Covering> covering = FindCovering(host_, below_volume_);
  if (!covering.ok()) return covering.status();
  state.covering = *covering;
  absl::Status status = ResolveOwners(state);
  if (!status.ok()) return status;
  if (!state.covering.known) {
    state.differences = {{"directory", UnknownUntilMounted(below_volume_), Wanted()}};
    return state;
  }
  status = InspectExisting(state);
  if (status.ok() && !state.existing) status = InspectParents(state);
  if (!status.ok()) return status;
  Compare(state);
  return state;
}

absl::Status DirectoryResource::InspectExisting(State& state) {
  const absl::StatusOr<FileInfo> info = host_.Inspect(name());
  if (absl::IsNotFound(info.status())) return absl::OkStatus();
  if (!info.ok()) return info.status();
  if (info->type != FileType::kDirectory) return InTheWay(name(), info->type);
  state.existing = *info;
  return CheckOnVolume(state.covering, name(), *info, below_volume_);
}

// The nearest thing that exists above must be a directory on the right filesystem, and no higher
// than the root's parent.
absl::Status DirectoryResource::InspectParents(State& state) {
  const std::string top = ParentOf(root_);
  for (std::string parent = ParentOf(name());; parent = ParentOf(parent)) {
    const absl::StatusOr<FileInfo> info = host_.Inspect(parent);
    if (info.ok()) {
      if (info->type != FileType::kDirectory) return InTheWay(parent, info->type);
      state.nearest_parent = parent;
      return CheckOnVolume(state.covering, parent, *info, below_volume_);
    }
    if (!absl::IsNotFound(info.status())) return info.status();
    if (parent == top) {
      return absl::FailedPreconditionError(
          absl::StrCat(parent, " does not exist, and the agent makes directories only from ", root_,
                       " down: make it, or mount what belongs there, then run again"));
    }
  }
}

absl::Status DirectoryResource::ResolveOwners(State& state) {
  if (wanted_.has_owner()) {
    const absl::StatusOr<uint32_t> uid = host_.LookUpUser(wanted_.owner());
    if (!uid.ok()) return InContext(absl::StrCat("owner of ", name()), uid.status());
    state.uid = *uid;
  }
  if (wanted_.has_group()) {
    const absl::StatusOr<uint32_t> gid = host_.LookUpGroup(wanted_.group());
    if (!gid.ok()) return InContext(absl::StrCat("group of ", name()), gid.status());
    state.gid = *gid;
  }
  return absl::OkStatus();
}

void DirectoryResource::Compare(State& state) const {
  const std::optional<FileInfo>& existing = state.existing;
  if (!existing) {
    state.differences.push_back({"directory", "absent", DescribeMode(NewMode())});
  } else if (wanted_.has_mode() && existing->mode != wanted_.mode()) {
    state.differences.push_back(
        {"mode", DescribeMode(existing->mode), DescribeMode(wanted_.mode())});
  }
  const auto compare = [&](const char* aspect, const std::string& wanted,
                           std::optional<uint32_t>& id, std::optional<uint32_t> present) {
    if (!id) return;
    if (present == id) {
      id.reset();  // nothing to set
      return;
    }
    state.differences.push_back(
        {aspect, present ? absl::StrCat(*present) : "absent", DescribeAccount(wanted, *id)});
  };
  compare("owner", wanted_.owner(), state.uid,
          existing ? std::optional<uint32_t>(existing->uid) : std::nullopt);
  compare("group", wanted_.group(), state.gid,
          existing ? std::optional<uint32_t>(existing->gid) : std::nullopt);
}

absl::Status DirectoryResource::Make(const State& state) {
  for (const std::string& path : PathsBetween(state.nearest_parent, name())) {
    if (path == state.nearest_parent) continue;
    const bool itself = path == name();
    absl::Status made = host_.MakeDirectory(path, itself ? NewMode() : 0755, state.covering.device);
    // A parent that another process has made meanwhile serves as well.
    if (!made.ok() && (itself || !absl::IsAlreadyExists(made))) return made;
  }
  return absl::OkStatus();
}

std::string DirectoryResource::Wanted() const {
  std::string text = absl::StrCat("directory with mode ", DescribeMode(NewMode()));
  if (wanted_.has_owner()) absl::StrAppend(&text, ", owner ", wanted_.owner());
  if (wanted_.has_group()) absl::StrAppend(&text, ", group ", wanted_.group());
  return text;
}

}  // namespace bpa::executor

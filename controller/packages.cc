#include "controller/packages.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/forms.h"
#include "controller/roles.h"
#include "proto/limits.h"
#include "proto/manifest.h"
#include "proto/utf8.h"

namespace bpa::controller {
namespace {

using yaml::Value;

// A package and where it was asked for.
struct Parsed {
  PackageSource source;
  Value value;
};

absl::Status SetText(const Value& entry, const char* key,
                     std::string (*problem)(const std::string&), std::string* text) {
  const std::optional<Value> value = entry.Find(key);
  if (!value.has_value()) return absl::OkStatus();
  absl::StatusOr<std::string> found = value->String();
  if (!found.ok()) return found.status();
  if (const std::string what = problem(*found); !what.empty()) {
    return value->Error(absl::StrCat(QuotedPath(*found), " ", what));
  }
  *text = *std::move(found);
  return absl::OkStatus();
}

absl::Status ParseModeBits(const Value& modes, const char* key, std::optional<uint16_t>* bits) {
  const std::optional<Value> value = modes.Find(key);
  if (!value.has_value()) return absl::OkStatus();
  const absl::StatusOr<uint32_t> mode = value->FileMode();
  if (!mode.ok()) return mode.status();
  if (*mode > 0777) return value->Error("packages carry no set-id or sticky bits: at most 0777");
  *bits = static_cast<uint16_t>(*mode);
  return absl::OkStatus();
}

absl::Status ParseModes(const Value& value, ModePolicy* modes) {
  if (const absl::StatusOr<std::string> word = value.String(); word.ok()) {
    if (*word == "keep") return absl::OkStatus();
    return value.Error(
        absl::StrCat("expected 'keep' or {files: MODE, directories: MODE}, found '", *word, "'"));
  }
  absl::Status status = value.ExpectKeys({"files", "directories"});
  if (!status.ok()) return status;
  status = ParseModeBits(value, "files", &modes->files);
  if (!status.ok()) return status;
  return ParseModeBits(value, "directories", &modes->directories);
}

absl::StatusOr<std::string> ParseSource(const Value& entry, const std::string& directory) {
  const absl::StatusOr<Value> value = entry.Get("source");
  if (!value.ok()) return value.status();
  absl::StatusOr<std::string> source = value->String();
  if (!source.ok()) return source;
  if (source->empty()) return value->Error("expected the path of a directory on this machine");
  return source->starts_with("/") ? *source : absl::StrCat(directory, "/", *source);
}

absl::StatusOr<PackageSource> ParseEntry(const Value& entry, const std::string& directory) {
  absl::Status status = entry.ExpectKeys(
      {"source", "destination", "label", "owner", "group", "mode", "keep_previous"});
  if (!status.ok()) return status;
  PackageSource source;
  absl::StatusOr<std::string> from = ParseSource(entry, directory);
  if (!from.ok()) return from.status();
  source.directory = *std::move(from);
  v1::Package& package = source.package;
  package.set_destination(kDefaultDestination);
  status = SetText(entry, "destination", PathProblem, package.mutable_destination());
  if (!status.ok()) return status;
  package.set_label(DefaultLabel(source.directory));
  status = SetText(entry, "label", LabelProblem, package.mutable_label());
  if (!status.ok()) return status;
  if (package.label().empty()) {
    return entry.Error("the source's name cannot be the label: add label: RELEASE");
  }
  if (entry.Find("owner")) {
    status = SetText(entry, "owner", AccountProblem, package.mutable_owner());
    if (!status.ok()) return status;
  }
  if (entry.Find("group")) {
    status = SetText(entry, "group", AccountProblem, package.mutable_group());
    if (!status.ok()) return status;
  }
  if (const auto mode = entry.Find("mode")) {
    status = ParseModes(*mode, &source.modes);
    if (!status.ok()) return status;
  }
  if (const auto keep = entry.Find("keep_previous")) {
    const absl::StatusOr<bool> wanted = keep->Bool();
    if (!wanted.ok()) return wanted.status();
    package.set_keep_previous(*wanted);
  }
  return source;
}

absl::StatusOr<std::vector<Parsed>> ParseSection(const Value& parent,
                                                 const std::string& directory) {
  std::vector<Parsed> packages;
  const std::optional<Value> section = parent.Find("packages");
  if (!section.has_value()) return packages;
  const absl::StatusOr<std::vector<Value>> entries = section->List(kMaxPackagesPerRole);
  if (!entries.ok()) return entries.status();
  for (const Value& entry : *entries) {
    absl::StatusOr<PackageSource> source = ParseEntry(entry, directory);
    if (!source.ok()) return source.status();
    packages.push_back({.source = *std::move(source), .value = entry});
  }
  return packages;
}

// All packages of one role, with what they may not have to do with each other.
absl::Status CheckTogether(const std::vector<Parsed>& packages, const v1::Role& role) {
  size_t names = RoleNamesBytes(role);
  for (size_t i = 0; i < packages.size(); ++i) {
    const std::string& destination = packages[i].source.package.destination();
    names += destination.size();
    for (size_t j = 0; j < i; ++j) {
      const std::string& other = packages[j].source.package.destination();
      if (!IsAtOrBeneath(destination, other) && !IsAtOrBeneath(other, destination)) continue;
      return packages[i].value.Error(
          absl::StrCat("role '", role.name(), "' already has a package at '", other,
                       destination == other ? "'; give this one another destination"
                                            : "'; one cannot lie within the other"));
    }
    if (const std::string problem = DestinationProblem(destination, role); !problem.empty()) {
      return packages[i].value.Error(absl::StrCat("'", destination, "' ", problem));
    }
  }
  if (packages.size() > static_cast<size_t>(kMaxPackagesPerRole)) {
    return packages.back().value.Error(absl::StrCat("role '", role.name(), "' has ",
                                                    packages.size(), " packages; at most ",
                                                    kMaxPackagesPerRole));
  }
  if (!packages.empty() && names > kMaxRoleNamesBytes) {
    return packages.back().value.Error(
        absl::StrCat("role '", role.name(), "': its paths and names ", "are ", names,
                     " bytes together; at most ", kMaxRoleNamesBytes));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::map<std::string, std::vector<PackageSource>>> ParsePackages(
    const Value& root, const std::vector<v1::Role>& roles, const std::string& directory) {
  const absl::StatusOr<std::vector<Parsed>> common = ParseSection(root, directory);
  if (!common.ok()) return common.status();
  const absl::StatusOr<Value> section = root.Get("roles");
  if (!section.ok()) return section.status();
  std::map<std::string, std::vector<PackageSource>> by_role;
  for (const v1::Role& role : roles) {
    const absl::StatusOr<Value> value = section->Get(role.name());
    if (!value.ok()) return value.status();
    const absl::StatusOr<std::vector<Parsed>> own = ParseSection(*value, directory);
    if (!own.ok()) return own.status();
    std::vector<Parsed> all = *common;
    all.insert(all.end(), own->begin(), own->end());
    if (absl::Status status = CheckTogether(all, role); !status.ok()) return status;
    for (Parsed& package : all) by_role[role.name()].push_back(std::move(package.source));
  }
  return by_role;
}

std::string DefaultLabel(const std::string& directory) {
  std::filesystem::path path = std::filesystem::path(directory).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  const std::string name = path.filename();
  return name != "." && name != ".." && LabelProblem(name).empty() ? name : "";
}

std::string LabelProblem(const std::string& label) {
  if (label.empty()) return "is empty";
  for (std::string_view left = label; !left.empty();) {
    const size_t length = Utf8Length(left);
    if (length == 0) return "is not UTF-8";
    left.remove_prefix(length);
  }
  return TextProblem(label, kMaxPackageLabelBytes);
}

std::string DestinationProblem(const std::string& destination, const v1::Role& role) {
  for (const v1::Volume& volume : role.volumes()) {
    if (IsAtOrBeneath(volume.mount_point(), destination)) {
      return absl::StrCat("would hold the mount point '", volume.mount_point(),
                          "': a package is a directory of its own, beneath the volume");
    }
  }
  for (const v1::Directory& owned : role.directories()) {
    if (IsAtOrBeneath(owned.path(), destination)) {
      return absl::StrCat("would replace the directory '", owned.path(),
                          "', which the role also has: everything in a package is the package's");
    }
    if (owned.reset() && IsAtOrBeneath(destination, owned.path())) {
      return absl::StrCat("lies in '", owned.path(), "', which a reset empties");
    }
  }
  return "";
}

}  // namespace bpa::controller

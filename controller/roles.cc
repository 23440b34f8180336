#include "controller/roles.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "controller/forms.h"
#include "proto/limits.h"

namespace bpa::controller {
namespace {

using yaml::Value;

// One word of a closed list.
template <typename Enum>
struct Word {
  std::string_view word;
  Enum value;
};

template <typename Enum, size_t kCount>
absl::StatusOr<Enum> OneOf(const Value& value, const Word<Enum> (&words)[kCount]) {
  absl::StatusOr<std::string> text = value.String();
  if (!text.ok()) return text.status();
  std::vector<std::string_view> known;
  std::string expected;
  for (const Word<Enum>& word : words) {
    if (*text == word.word) return word.value;
    known.push_back(word.word);
    absl::StrAppend(&expected, expected.empty() ? "" : " or ", "'", std::string(word.word), "'");
  }
  const std::string suggestion = yaml::Suggestion(*text, known);
  return value.Error(absl::StrCat("expected ", expected, ", found '", *text, "'",
                                  suggestion.empty() ? "" : "; ", suggestion));
}

// The key's text was read from the document, so Get finds it.
template <typename ParseEntry>
absl::Status ForEachEntry(const Value& mapping, int max_items, const ParseEntry& parse_entry) {
  absl::StatusOr<std::vector<std::string>> keys = mapping.Keys(max_items);
  if (!keys.ok()) return keys.status();
  for (const std::string& key : *keys) {
    absl::StatusOr<Value> entry = mapping.Get(key);
    if (!entry.ok()) return entry.status();
    if (absl::Status status = parse_entry(key, *entry); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Seconds(const std::optional<Value>& value, int max_seconds, uint32_t* seconds) {
  if (!value.has_value()) return absl::OkStatus();
  absl::StatusOr<absl::Duration> duration =
      value->Duration(absl::ZeroDuration(), absl::Seconds(max_seconds));
  if (!duration.ok()) return duration.status();
  if (*duration % absl::Seconds(1) != absl::ZeroDuration()) {
    return value->Error("expected whole seconds");
  }
  *seconds = static_cast<uint32_t>(absl::ToInt64Seconds(*duration));
  return absl::OkStatus();
}

absl::Status ParseVolumeChoices(const Value& entry, v1::Volume* volume) {
  static constexpr Word<v1::FilesystemType> kFilesystems[] = {{"xfs", v1::FILESYSTEM_TYPE_XFS},
                                                              {"ext4", v1::FILESYSTEM_TYPE_EXT4}};
  static constexpr Word<v1::ExistingContent> kContents[] = {
      {"refuse", v1::EXISTING_CONTENT_REFUSE}, {"migrate", v1::EXISTING_CONTENT_MIGRATE}};
  static constexpr Word<bool> kFormats[] = {{"if-blank", true}, {"never", false}};

  absl::StatusOr<Value> filesystem = entry.Get("filesystem");
  if (!filesystem.ok()) return filesystem.status();
  const auto type = OneOf(*filesystem, kFilesystems);
  if (!type.ok()) return type.status();
  volume->set_filesystem(*type);

  volume->set_existing_content(v1::EXISTING_CONTENT_REFUSE);
  if (const auto value = entry.Find("existing_content")) {
    const auto content = OneOf(*value, kContents);
    if (!content.ok()) return content.status();
    volume->set_existing_content(*content);
  }
  if (const auto value = entry.Find("format")) {
    const auto format = OneOf(*value, kFormats);
    if (!format.ok()) return format.status();
    volume->set_format_if_blank(*format);
  }
  return absl::OkStatus();
}

constexpr size_t kMaxRequiredBy = 8;

// fstab's own way of saying it (systemd.mount(5)), so that it comes and goes with the agent's line:
// the units start after the mount and not at all without it. Named so, systemd no longer starts the
// mount for local-fs.target by itself; that is asked for besides.
absl::Status ParseRequiredBy(const Value& entry, v1::Volume* volume) {
  const absl::StatusOr<std::vector<Value>> units = entry.List(kMaxRequiredBy);
  if (!units.ok()) return units.status();
  if (units->empty()) return absl::OkStatus();
  std::string options =
      absl::StrCat(volume->mount_options().empty() ? "defaults" : volume->mount_options(),
                   ",x-systemd.wanted-by=local-fs.target");
  for (const Value& value : *units) {
    absl::StatusOr<std::string> unit = value.String();
    if (!unit.ok()) return unit.status();
    const std::string problem = UnitProblem(*unit);
    if (!problem.empty()) return value.Error(absl::StrCat("'", *unit, "' ", problem));
    absl::StrAppend(&options, ",x-systemd.required-by=", *unit, ",x-systemd.before=", *unit);
  }
  if (options.size() > kMaxMountOptionsBytes) return entry.Error("makes fstab's line too long");
  volume->set_mount_options(options);
  return absl::OkStatus();
}

absl::Status ParseMountOptions(const Value& entry, v1::Volume* volume) {
  if (const auto value = entry.Find("mount_options")) {
    absl::StatusOr<std::string> options = value->String();
    if (!options.ok()) return options.status();
    const std::string problem = MountOptionsProblem(*options);
    if (!problem.empty()) return value->Error(absl::StrCat("'", *options, "' ", problem));
    volume->set_mount_options(*options);
  }
  const auto value = entry.Find("required_by");
  return value.has_value() ? ParseRequiredBy(*value, volume) : absl::OkStatus();
}

absl::Status ParseVolume(const std::string& mount_point, const Value& entry, v1::Role* role) {
  absl::Status status =
      entry.ExpectKeys({"filesystem", "existing_content", "format", "grow", "mount_options",
                        "required_by", "attach_timeout", "device_timeout"});
  if (!status.ok()) return status;
  if (const std::string problem = PathProblem(mount_point); !problem.empty()) {
    return entry.Error(absl::StrCat("mount point '", mount_point, "' ", problem));
  }
  for (const v1::Volume& earlier : role->volumes()) {
    if (IsAtOrBeneath(earlier.mount_point(), mount_point)) {
      return entry.Error(absl::StrCat("'", mount_point, "' would hide '", earlier.mount_point(),
                                      "'; list '", mount_point, "' first"));
    }
  }
  v1::Volume* volume = role->add_volumes();
  volume->set_mount_point(mount_point);
  status = ParseVolumeChoices(entry, volume);
  if (!status.ok()) return status;
  if (const auto value = entry.Find("grow")) {
    absl::StatusOr<bool> grow = value->Bool();
    if (!grow.ok()) return grow.status();
    volume->set_grow(*grow);
  }
  status = ParseMountOptions(entry, volume);
  if (!status.ok()) return status;
  uint32_t attach = 0;
  uint32_t device = 0;
  status = Seconds(entry.Find("attach_timeout"), kMaxAttachTimeoutSeconds, &attach);
  if (!status.ok()) return status;
  status = Seconds(entry.Find("device_timeout"), kMaxDeviceTimeoutSeconds, &device);
  if (!status.ok()) return status;
  volume->set_attach_timeout_seconds(attach);
  volume->set_device_timeout_seconds(device);
  return absl::OkStatus();
}

absl::StatusOr<std::string> Account(const Value& value) {
  absl::StatusOr<std::string> account = value.String();
  if (!account.ok()) return account;
  const std::string problem = AccountProblem(*account);
  if (!problem.empty()) return value.Error(absl::StrCat("'", *account, "' ", problem));
  return account;
}

absl::Status ParseDirectory(const std::string& path, const Value& entry, v1::Role* role) {
  static constexpr Word<bool> kResets[] = {{"allowed", true}, {"never", false}};
  if (absl::Status status = entry.ExpectKeys({"mode", "owner", "group", "reset"}); !status.ok()) {
    return status;
  }
  if (const std::string problem = PathProblem(path); !problem.empty()) {
    return entry.Error(absl::StrCat("directory '", path, "' ", problem));
  }
  v1::Directory* directory = role->add_directories();
  directory->set_path(path);
  if (const auto value = entry.Find("mode")) {
    absl::StatusOr<uint32_t> mode = value->FileMode();
    if (!mode.ok()) return mode.status();
    directory->set_mode(*mode);
  }
  if (const auto value = entry.Find("owner")) {
    absl::StatusOr<std::string> owner = Account(*value);
    if (!owner.ok()) return owner.status();
    directory->set_owner(*owner);
  }
  if (const auto value = entry.Find("group")) {
    absl::StatusOr<std::string> group = Account(*value);
    if (!group.ok()) return group.status();
    directory->set_group(*group);
  }
  if (const auto value = entry.Find("reset")) {
    const auto reset = OneOf(*value, kResets);
    if (!reset.ok()) return reset.status();
    directory->set_reset(*reset);
  }
  return absl::OkStatus();
}

absl::Status ParseSysctl(const std::string& name, const Value& entry, v1::Role* role) {
  if (absl::Status status = entry.ExpectKeys({"at_least", "exactly"}); !status.ok()) {
    return status;
  }
  if (const std::string problem = SysctlNameProblem(name); !problem.empty()) {
    return entry.Error(absl::StrCat("'", name, "' ", problem));
  }
  const auto at_least = entry.Find("at_least");
  const auto exactly = entry.Find("exactly");
  if (at_least.has_value() == exactly.has_value()) {
    return entry.Error("expected either 'at_least' or 'exactly'");
  }
  v1::Sysctl* sysctl = role->add_sysctls();
  sysctl->set_name(name);
  if (at_least.has_value()) {
    absl::StatusOr<int64_t> number =
        at_least->Int(std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max());
    if (!number.ok()) return number.status();
    sysctl->set_at_least(*number);
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> text = exactly->String();
  if (!text.ok()) return text.status();
  if (const std::string problem = SysctlValueProblem(*text); !problem.empty()) {
    return exactly->Error(absl::StrCat("'", *text, "' ", problem));
  }
  sysctl->set_exactly(*text);
  return absl::OkStatus();
}

absl::StatusOr<v1::Role> ParseRole(const std::string& name, const Value& value) {
  absl::Status status = value.ExpectKeys({"volumes", "directories", "sysctls", "packages"});
  if (!status.ok()) return status;
  if (const std::string problem = NameProblem(name); !problem.empty()) {
    return value.Error(absl::StrCat("role name '", name, "' ", problem));
  }
  v1::Role role;
  role.set_name(name);
  struct Part {
    std::string_view key;
    int max;
    absl::Status (*parse)(const std::string&, const Value&, v1::Role*);
  };
  static constexpr Part kParts[] = {{"volumes", kMaxVolumesPerRole, ParseVolume},
                                    {"directories", kMaxDirectoriesPerRole, ParseDirectory},
                                    {"sysctls", kMaxSysctlsPerRole, ParseSysctl}};
  for (const Part& part : kParts) {
    const std::optional<Value> section = value.Find(part.key);
    if (!section.has_value()) continue;
    status = ForEachEntry(*section, part.max, [&](const std::string& key, const Value& entry) {
      return part.parse(key, entry, &role);
    });
    if (!status.ok()) return status;
  }
  if (const size_t bytes = RoleNamesBytes(role); bytes > kMaxRoleNamesBytes) {
    return value.Error(absl::StrCat("its paths and names are ", bytes, " bytes together; at most ",
                                    kMaxRoleNamesBytes));
  }
  return role;
}

}  // namespace

size_t RoleNamesBytes(const v1::Role& role) {
  size_t bytes = 0;
  for (const v1::Volume& volume : role.volumes()) bytes += volume.mount_point().size();
  for (const v1::Directory& directory : role.directories()) bytes += directory.path().size();
  for (const v1::Sysctl& sysctl : role.sysctls()) bytes += sysctl.name().size();
  return bytes;
}

absl::StatusOr<std::vector<v1::Role>> ParseRoles(const Value& roles) {
  std::vector<v1::Role> parsed;
  absl::Status status =
      ForEachEntry(roles, kMaxRoles, [&parsed](const std::string& name, const Value& value) {
        absl::StatusOr<v1::Role> role = ParseRole(name, value);
        if (!role.ok()) return role.status();
        parsed.push_back(*std::move(role));
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return parsed;
}

}  // namespace bpa::controller

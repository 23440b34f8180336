#include "agent/executor/config.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/executor/forms.h"
#include "proto/trusted_file.h"
#include "proto/yaml/strict_yaml.h"

namespace bpa::executor {
namespace {

using yaml::Value;
using Predicate = std::function<bool(std::string_view)>;

constexpr size_t kMaxListItems = 256;
constexpr int kMaxThreshold = 8;
constexpr size_t kMaxModelBytes = 40;

struct Form {
  Predicate holds;
  const char* description;
};

Form PathForm() { return {IsNormalPath, "an absolute path without '.', '..' or trailing '/'"}; }
Form NameForm() { return {IsName, "letters, digits, '.', '_', '-'"}; }
Form AccountForm() { return {IsAccount, "a user name or a decimal uid"}; }
Form SysctlForm() { return {IsSysctlName, "a dotted sysctl name"}; }

Form ModelForm() {
  return {[](std::string_view text) { return !text.empty() && IsPlainText(text, kMaxModelBytes); },
          "an NVMe model name of at most 40 characters"};
}

Form FilesystemForm() {
  return {[](std::string_view text) { return text == "xfs" || text == "ext4"; }, "xfs or ext4"};
}

Form DevicePathForm() {
  return {[](std::string_view text) {
            if (text.ends_with('*')) text.remove_suffix(1);
            return text.starts_with("/dev/") && text.find('*') == std::string_view::npos &&
                   (text == "/dev/" || IsNormalPath(text));
          },
          "a path below /dev, with '*' at its end if at all"};
}

absl::Status ReadFormed(const Value& value, const Form& form, std::string& out) {
  absl::StatusOr<std::string> text = value.String();
  if (!text.ok()) return text.status();
  if (!form.holds(*text)) {
    return value.Error(absl::StrCat(Quoted(*text), " is not ", form.description));
  }
  out = *std::move(text);
  return absl::OkStatus();
}

absl::Status ReadOptional(const Value& section, std::string_view key, const Form& form,
                          std::string& out) {
  const std::optional<Value> value = section.Find(key);
  return value ? ReadFormed(*value, form, out) : absl::OkStatus();
}

absl::Status ReadList(const Value& section, std::string_view key, const Form& form,
                      std::vector<std::string>& out) {
  const std::optional<Value> value = section.Find(key);
  if (!value) return absl::OkStatus();
  absl::StatusOr<std::vector<Value>> items = value->List(kMaxListItems);
  if (!items.ok()) return items.status();
  for (const Value& item : *items) {
    std::string text;
    if (absl::Status s = ReadFormed(item, form, text); !s.ok()) return s;
    if (std::find(out.begin(), out.end(), text) != out.end()) {
      return item.Error(absl::StrCat(Quoted(text), " appears twice"));
    }
    out.push_back(std::move(text));
  }
  return absl::OkStatus();
}

absl::Status ReadDuration(const Value& section, std::string_view key, absl::Duration min,
                          absl::Duration max, absl::Duration& out) {
  const std::optional<Value> value = section.Find(key);
  if (!value) return absl::OkStatus();
  absl::StatusOr<absl::Duration> duration = value->Duration(min, max);
  if (!duration.ok()) return duration.status();
  out = *duration;
  return absl::OkStatus();
}

absl::Status ReadAllow(const Value& section, Policy& policy) {
  const std::optional<Value> value = section.Find("allow");
  if (!value) return absl::OkStatus();
  const std::vector<std::pair<std::string_view, bool*>> acts = {
      {"apply", &policy.allow_apply},     {"format", &policy.allow_format},
      {"migrate", &policy.allow_migrate}, {"grow", &policy.allow_grow},
      {"reset", &policy.allow_reset},
  };
  absl::StatusOr<std::vector<Value>> items = value->List(kMaxListItems);
  if (!items.ok()) return items.status();
  for (const Value& item : *items) {
    absl::StatusOr<std::string> word = item.String();
    if (!word.ok()) return word.status();
    const auto act = std::find_if(acts.begin(), acts.end(),
                                  [&](const auto& known) { return known.first == *word; });
    if (act == acts.end()) {
      return item.Error(absl::StrCat(
          Quoted(*word), " is not an act: expected apply, format, migrate, grow or reset"));
    }
    *act->second = true;
  }
  return absl::OkStatus();
}

absl::Status ReadThreshold(const Value& thresholds, std::string_view key, int& out) {
  const std::optional<Value> value = thresholds.Find(key);
  if (!value) return absl::OkStatus();
  absl::StatusOr<int64_t> number = value->Int(1, kMaxThreshold);
  if (!number.ok()) return number.status();
  out = static_cast<int>(*number);
  return absl::OkStatus();
}

absl::Status ReadThresholds(const Value& section, Policy& policy) {
  const std::optional<Value> value = section.Find("thresholds");
  if (!value) return absl::OkStatus();
  if (absl::Status s = value->ExpectKeys({"apply", "format", "reset"}); !s.ok()) return s;
  if (absl::Status s = ReadThreshold(*value, "apply", policy.apply_threshold); !s.ok()) return s;
  if (absl::Status s = ReadThreshold(*value, "format", policy.format_threshold); !s.ok()) return s;
  return ReadThreshold(*value, "reset", policy.reset_threshold);
}

absl::Status ReadPolicy(const Value& section, Policy& policy) {
  if (absl::Status s = section.ExpectKeys(
          {"allow", "sysctls", "directory_roots", "package_roots", "mount_points", "filesystems",
           "volume_models", "device_paths", "thresholds", "max_validity", "max_clock_skew"});
      !s.ok()) {
    return s;
  }
  const std::vector<std::function<absl::Status()>> steps = {
      [&] { return ReadAllow(section, policy); },
      [&] { return ReadList(section, "sysctls", SysctlForm(), policy.sysctls); },
      [&] { return ReadList(section, "directory_roots", PathForm(), policy.directory_roots); },
      [&] { return ReadList(section, "package_roots", PathForm(), policy.package_roots); },
      [&] { return ReadList(section, "mount_points", PathForm(), policy.mount_points); },
      [&] { return ReadList(section, "filesystems", FilesystemForm(), policy.filesystems); },
      [&] { return ReadList(section, "volume_models", ModelForm(), policy.volume_models); },
      [&] { return ReadList(section, "device_paths", DevicePathForm(), policy.device_paths); },
      [&] { return ReadThresholds(section, policy); },
      [&] {
        return ReadDuration(section, "max_validity", absl::Minutes(1), absl::Hours(24 * 7),
                            policy.max_validity);
      },
      [&] {
        return ReadDuration(section, "max_clock_skew", absl::ZeroDuration(), absl::Hours(1),
                            policy.max_clock_skew);
      },
  };
  for (const auto& step : steps) {
    if (absl::Status s = step(); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status ReadExecutor(const Value& section, Config& config) {
  if (absl::Status s = section.ExpectKeys({"gateway_user", "trusted_signers", "report_key",
                                           "join_secret", "state", "idle_timeout"});
      !s.ok()) {
    return s;
  }
  absl::Status s = ReadOptional(section, "gateway_user", AccountForm(), config.gateway_user);
  if (!s.ok()) return s;
  s = ReadOptional(section, "trusted_signers", PathForm(), config.trusted_signers);
  if (!s.ok()) return s;
  s = ReadOptional(section, "report_key", PathForm(), config.report_key);
  if (!s.ok()) return s;
  s = ReadOptional(section, "join_secret", PathForm(), config.join_secret);
  if (!s.ok()) return s;
  s = ReadOptional(section, "state", PathForm(), config.state);
  if (!s.ok()) return s;
  return ReadDuration(section, "idle_timeout", absl::Milliseconds(100), absl::Hours(24),
                      config.idle_timeout);
}

absl::Status ReadTlsFiles(const Value& gateway, Config& config) {
  absl::Status s = ReadOptional(gateway, "ca", PathForm(), config.ca);
  if (!s.ok()) return s;
  s = ReadOptional(gateway, "certificate", PathForm(), config.certificate);
  if (!s.ok()) return s;
  return ReadOptional(gateway, "key", PathForm(), config.key);
}

absl::Status ReadNeeded(const Value& document, std::string_view key, std::string& out) {
  absl::StatusOr<Value> value = document.Get(key);
  return value.ok() ? ReadFormed(*value, NameForm(), out) : value.status();
}

}  // namespace

absl::StatusOr<Config> ParseConfig(std::string_view text, std::string_view file_name) {
  absl::StatusOr<Value> document = yaml::Parse(text, file_name);
  if (!document.ok()) return document.status();
  if (absl::Status s = document->ExpectKeys({"cluster", "node", "gateway", "executor", "policy"});
      !s.ok()) {
    return s;
  }
  Config config;
  if (absl::Status s = ReadNeeded(*document, "cluster", config.cluster); !s.ok()) return s;
  if (absl::Status s = ReadNeeded(*document, "node", config.node); !s.ok()) return s;
  if (const std::optional<Value> section = document->Find("gateway")) {
    if (absl::Status s = ReadTlsFiles(*section, config); !s.ok()) return s;
  }
  if (const std::optional<Value> section = document->Find("executor")) {
    if (absl::Status s = ReadExecutor(*section, config); !s.ok()) return s;
  }
  if (const std::optional<Value> section = document->Find("policy")) {
    if (absl::Status s = ReadPolicy(*section, config.policy); !s.ok()) return s;
  }
  return config;
}

absl::StatusOr<Config> LoadConfig(const std::string& path) {
  absl::StatusOr<std::string> text =
      ReadTrustedFile(path, yaml::kMaxDocumentBytes, FileSecrecy::kPublic);
  if (!text.ok()) return text.status();
  return ParseConfig(*text, path);
}

}  // namespace bpa::executor

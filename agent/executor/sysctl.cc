#include "agent/executor/sysctl.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/executor/describe.h"
#include "agent/executor/path.h"
#include "agent/executor/sysctl_d.h"
#include "agent/executor/sysctl_files.h"

namespace bpa::executor {
namespace {

std::string DescribeSetting(const SysctlSetting& setting) {
  return absl::StrCat(setting.value ? *setting.value : "left out", " (", setting.file, ":",
                      setting.line, ")");
}

// The files with ours replaced by `contents`, or added where its name sorts.
std::vector<SysctlFile> WithOwnFile(std::vector<SysctlFile> files, std::string contents) {
  std::erase_if(files, [](const SysctlFile& file) { return file.path == kOwnSysctlFile; });
  const auto name = [](std::string_view path) { return path.substr(path.rfind('/') + 1); };
  const auto after = std::find_if(files.begin(), files.end(), [&](const SysctlFile& file) {
    return name(file.path) > name(kOwnSysctlFile);
  });
  files.insert(after, {kOwnSysctlFile, std::move(contents)});
  return files;
}

}  // namespace

struct SysctlResource::State {
  std::string live;
  bool live_differs = false;
  bool boot_differs = false;
  std::string boot_before;
  std::optional<std::string> own_before;
  std::string own_after;
};

SysctlResource::SysctlResource(v1::Sysctl wanted, Host& host)
    : wanted_(std::move(wanted)), host_(host) {}

absl::StatusOr<std::vector<Difference>> SysctlResource::Observe() {
  const absl::StatusOr<State> state = Inspect();
  if (!state.ok()) return InContext(name(), state.status());
  std::vector<Difference> differences;
  if (state->live_differs) differences.push_back({"live value", state->live, WantedValue()});
  if (state->boot_differs) {
    differences.push_back(
        {"boot value", state->boot_before, absl::StrCat(WantedValue(), " (", kOwnSysctlFile, ")")});
  }
  return differences;
}

absl::Status SysctlResource::Converge() {
  const absl::StatusOr<State> state = Inspect();
  if (!state.ok()) return InContext(name(), state.status());
  if (state->live_differs) {
    absl::Status written = host_.WriteSysctl(name(), WantedValue());
    if (!written.ok()) {
      return InContext(absl::StrCat("the kernel does not accept ", name(), " = ", WantedValue()),
                       written);
    }
  }
  if (!state->boot_differs) return absl::OkStatus();
  absl::Status made = host_.MakeDirectory(ParentOf(kOwnSysctlFile), 0755, std::nullopt);
  if (!made.ok() && !absl::IsAlreadyExists(made)) return InContext(name(), made);
  return InContext(name(), host_.ReplaceFile(kOwnSysctlFile, state->own_before, state->own_after));
}

absl::StatusOr<SysctlResource::State> SysctlResource::Inspect() {
  State state;
  absl::StatusOr<std::string> live = host_.ReadSysctl(name());
  if (!live.ok()) return live.status();
  state.live = FoldBlanks(*live);
  int64_t number = 0;
  if (wanted_.has_at_least() && !absl::SimpleAtoi(state.live, &number)) {
    return absl::FailedPreconditionError(
        absl::StrCat("is now '", state.live,
                     "', which is not an integer: at_least cannot be applied, use exactly"));
  }
  state.live_differs = !Satisfies(state.live);
  absl::Status boot = InspectBoot(state);
  if (!boot.ok()) return boot;
  return state;
}

absl::Status SysctlResource::InspectBoot(State& state) {
  absl::StatusOr<std::vector<SysctlFile>> files = ReadSysctlFiles(host_);
  if (!files.ok()) return files.status();
  const absl::StatusOr<std::optional<SysctlFile>> conf = ReadSysctlConf(host_);
  if (!conf.ok()) return conf.status();
  if (conf->has_value()) {
    const std::optional<SysctlSetting> last = WinningSetting({**conf}, name());
    if (last && last->value && !Satisfies(*last->value)) {
      return absl::FailedPreconditionError(absl::StrCat(
          last->file, ":", last->line, " sets it to ", *last->value, ", and is read last at boot; ",
          WantedText(), " is wanted: edit or remove that line, then run again"));
    }
  }
  const std::optional<SysctlSetting> now = WinningSetting(*files, name());
  if (now && now->value && Satisfies(*now->value)) return absl::OkStatus();
  state.boot_differs = true;
  state.boot_before = now ? DescribeSetting(*now) : "not set";
  for (const SysctlFile& file : *files) {
    if (file.path == kOwnSysctlFile) state.own_before = file.contents;
  }
  if (!state.own_before && host_.Inspect(kOwnSysctlFile).ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(kOwnSysctlFile,
                     " is not a plain file: remove it, then run again; the agent makes its own"));
  }
  state.own_after = SetInSysctlFile(state.own_before.value_or(""), name(), WantedValue());
  const std::optional<SysctlSetting> then =
      WinningSetting(WithOwnFile(*std::move(files), state.own_after), name());
  if (then && then->file == kOwnSysctlFile && then->value == WantedValue()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(then ? absl::StrCat(then->file, ":", then->line) : kOwnSysctlFile,
                   then && then->value ? absl::StrCat(" sets it to ", *then->value)
                                       : std::string(" keeps it from being set"),
                   ", and is read after ", kOwnSysctlFile, "; ", WantedText(),
                   " is wanted: edit or remove that line, then run again"));
}

bool SysctlResource::Satisfies(const std::string& value) const {
  if (wanted_.has_exactly()) return value == FoldBlanks(wanted_.exactly());
  int64_t number = 0;
  return absl::SimpleAtoi(value, &number) && number >= wanted_.at_least();
}

std::string SysctlResource::WantedValue() const {
  return wanted_.has_exactly() ? FoldBlanks(wanted_.exactly()) : absl::StrCat(wanted_.at_least());
}

std::string SysctlResource::WantedText() const {
  return absl::StrCat(wanted_.has_exactly() ? "exactly " : "at least ", WantedValue());
}

}  // namespace bpa::executor

#include "controller/history/evidence.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/exit_code.h"
#include "controller/history/run_log.h"
#include "controller/node_record.h"
#include "proto/trusted_file.h"

namespace bpa::controller {
namespace {

namespace fs = std::filesystem;

constexpr char kCommandFile[] = "command.dsse";
constexpr std::string_view kReportSuffix = ".report.dsse";
constexpr size_t kIdLength = 36;
constexpr size_t kNamedAtMost = 5;

absl::StatusOr<std::string> ReadKept(const std::string& directory, const std::string& name) {
  return ReadTrustedFile(absl::StrCat(directory, "/", name), kMaxEnvelopeBytes,
                         FileSecrecy::kPublic);
}

std::string Message(const absl::Status& status) { return std::string(status.message()); }

void AddProblem(const std::string& file, const std::string& why, Evidence* evidence) {
  evidence->problems.push_back(absl::StrCat(file, ": ", why));
}

void CheckSignatures(const Envelope& envelope, const KnownSigners& signers, Evidence* evidence) {
  evidence->signatures = signers.Check(envelope);
  bool proven = false;
  for (const SignatureCheck& check : evidence->signatures) {
    proven = proven || check.verdict.ok();
    if (absl::IsUnauthenticated(check.verdict)) {
      AddProblem(kCommandFile,
                 absl::StrCat("the signature by ", check.signer, " (key ", check.key_id,
                              ") does not verify: the file was changed"),
                 evidence);
    }
  }
  if (proven) return;
  AddProblem(kCommandFile,
             evidence->signatures.empty() ? "it is not signed"
                                          : "none of its signatures is by a signer known here",
             evidence);
}

void ReadCommand(const std::string& directory, const KnownSigners& signers, Evidence* evidence) {
  const absl::StatusOr<std::string> bytes = ReadKept(directory, kCommandFile);
  if (!bytes.ok()) return AddProblem(kCommandFile, Message(bytes.status()), evidence);
  absl::StatusOr<SentCommand> sent = ReadSentCommand(*bytes);
  if (!sent.ok()) return AddProblem(kCommandFile, Message(sent.status()), evidence);
  if (sent->command.id() != evidence->id) {
    return AddProblem(kCommandFile, absl::StrCat("it holds command ", sent->command.id()),
                      evidence);
  }
  CheckSignatures(*DecodeEnvelope(*bytes), signers, evidence);
  evidence->sent = *std::move(sent);
}

absl::StatusOr<v1::Report> ReadReport(const Home& home, const std::string& directory,
                                      const std::string& node, const SentCommand& sent) {
  absl::StatusOr<std::string> bytes =
      ReadKept(directory, absl::StrCat(node, std::string(kReportSuffix)));
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<PublicKey> key = home.ReadReportKey(node);
  if (!key.ok()) return key.status();
  std::vector<TrustedSigner> pinned;
  // It was compared with the key of its time when it came.
  for (PublicKey& former : NodeRecord(home, node).ReadFormerReportKeys()) {
    if (former.der() == key->der()) continue;
    pinned.push_back({absl::StrCat(node, ", before it was enrolled anew"), std::move(former)});
  }
  pinned.push_back({node, *std::move(key)});
  return CheckReport(*bytes, Verifier(std::move(pinned)), sent, node);
}

std::vector<std::string> NodesWithReports(const std::string& directory) {
  std::vector<std::string> nodes;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (!name.ends_with(kReportSuffix) || name.starts_with('.')) continue;
    nodes.push_back(name.substr(0, name.size() - kReportSuffix.size()));
  }
  std::sort(nodes.begin(), nodes.end());
  return nodes;
}

void ReadReports(const Home& home, const std::string& directory, Evidence* evidence) {
  for (const std::string& node : NodesWithReports(directory)) {
    ReportEvidence kept{.node = node};
    if (evidence->sent.has_value()) {
      absl::StatusOr<v1::Report> report = ReadReport(home, directory, node, *evidence->sent);
      kept.verdict = report.status();
      if (report.ok()) kept.report = *std::move(report);
    } else {
      kept.verdict = absl::FailedPreconditionError(
          "the command that it answers cannot be read, so it proves nothing");
    }
    if (!kept.verdict.ok()) {
      AddProblem(absl::StrCat(node, std::string(kReportSuffix)), Message(kept.verdict), evidence);
    }
    evidence->reports.push_back(std::move(kept));
  }
}

// A command of a bpactl that kept no log: what its reports say.
void RunFromReports(Evidence* evidence) {
  Run& run = evidence->run;
  run.verb = run.mode;
  run.sendings = 1;
  int exit_code = kExitConverged;
  absl::Time last = absl::InfinitePast();
  for (const ReportEvidence& kept : evidence->reports) {
    if (!kept.verdict.ok()) continue;
    NodeResult result{.node = kept.node, .state = NodeState::kReported, .report = kept.report};
    const absl::Time started = absl::FromUnixMillis(kept.report.started_at_unix_millis());
    const absl::Time ended = absl::FromUnixMillis(kept.report.finished_at_unix_millis());
    result.elapsed = ended - started;
    last = std::max(last, ended);
    RunEvent event{.kind = RunEvent::Kind::kEnded, .at = ended, .node = ToNodeRun(result, started)};
    exit_code = std::max(exit_code, event.node.exit_code);
    Apply(event, &run);
  }
  if (run.reported() != run.nodes.size() || run.nodes.empty()) return;
  Apply({.kind = RunEvent::Kind::kFinished, .at = last, .exit_code = exit_code}, &run);
}

// The log, and whether there is one.
bool ReplayLog(const std::string& directory, Evidence* evidence) {
  const absl::StatusOr<RunEvents> log = ReadRunLog(directory);
  if (absl::IsNotFound(log.status())) return false;
  if (!log.ok()) {
    AddProblem("run.jsonl", Message(log.status()), evidence);
    return false;
  }
  for (const std::string& line : log->damaged) AddProblem("run.jsonl", line, evidence);
  for (const RunEvent& event : log->events) Apply(event, &evidence->run);
  return !log->events.empty();
}

Evidence ReadCommandAlone(const Home& home, const std::string& id, const KnownSigners& signers) {
  Evidence evidence{.id = id};
  ReadCommand(home.CommandDirectory(id), signers, &evidence);
  evidence.run.id = id;
  if (evidence.sent.has_value()) {
    evidence.run = NewRun(*evidence.sent, SignerNames(evidence.signatures));
  }
  return evidence;
}

}  // namespace

const ReportEvidence* Evidence::report(std::string_view node) const {
  const auto kept = std::find_if(reports.begin(), reports.end(),
                                 [node](const ReportEvidence& r) { return r.node == node; });
  return kept == reports.end() ? nullptr : &*kept;
}

Evidence ReadEvidence(const Home& home, const std::string& id, const KnownSigners& signers) {
  Evidence evidence = ReadCommandAlone(home, id, signers);
  const std::string directory = home.CommandDirectory(id);
  ReadReports(home, directory, &evidence);
  if (!ReplayLog(directory, &evidence)) RunFromReports(&evidence);
  return evidence;
}

Run ReadRun(const Home& home, const std::string& id, const KnownSigners& signers) {
  Evidence evidence = ReadCommandAlone(home, id, signers);
  const std::string directory = home.CommandDirectory(id);
  if (!ReplayLog(directory, &evidence)) {
    ReadReports(home, directory, &evidence);
    RunFromReports(&evidence);
  }
  return evidence.run;
}

std::vector<std::string> CommandIds(const Home& home, std::string_view prefix) {
  std::vector<std::string> ids;
  std::error_code error;
  for (fs::directory_iterator entry(home.path() + "/commands", error), end; !error && entry != end;
       entry.increment(error)) {
    std::string name = entry->path().filename();
    if (name.size() == kIdLength && name.starts_with(prefix)) ids.push_back(std::move(name));
  }
  // Ids begin with their time.
  std::sort(ids.begin(), ids.end(), std::greater<>());
  return ids;
}

absl::StatusOr<std::string> FindCommand(const Home& home, const std::string& prefix) {
  if (prefix.empty() || prefix.find_first_not_of("0123456789abcdef-") != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", prefix, "' is not the beginning of a command's id: `bpactl history` lists them"));
  }
  std::vector<std::string> ids = CommandIds(home, prefix);
  if (ids.empty()) {
    return absl::NotFoundError(absl::StrCat("no command in ", home.path(), "/commands begins with ",
                                            prefix, ": `bpactl history` lists them"));
  }
  if (ids.size() == 1) return ids.front();
  const size_t count = ids.size();
  ids.resize(std::min(count, kNamedAtMost));
  return absl::InvalidArgumentError(
      absl::StrCat(count, " commands begin with ", prefix,
                   ": write more of it. The newest: ", absl::StrJoin(ids, " ")));
}

int64_t RunLogBytes(const std::string& directory) {
  struct stat info;
  return stat((directory + "/run.jsonl").c_str(), &info) == 0 ? info.st_size : 0;
}

}  // namespace bpa::controller

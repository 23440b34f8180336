#include "controller/history/run_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "controller/output_json.h"
#include "controller/version.h"
#include "proto/trusted_file.h"

namespace bpa::controller {
namespace {

using Json = nlohmann::ordered_json;
using Kind = RunEvent::Kind;

constexpr char kName[] = "/run.jsonl";
// Hundreds of sendings to hundreds of nodes.
constexpr size_t kMaxLogBytes = size_t{64} * 1024 * 1024;
constexpr std::array<std::pair<Kind, const char*>, 4> kWords = {{{Kind::kBegan, "began"},
                                                                 {Kind::kSent, "sent"},
                                                                 {Kind::kEnded, "ended"},
                                                                 {Kind::kFinished, "finished"}}};

std::string TimeText(absl::Time time) { return Rfc3339(absl::ToUnixMillis(time)); }

void AddEnd(const NodeRun& node, Json* line) {
  line->update({{"state", node.state},
                {"outcome", node.outcome},
                {"code", node.code},
                {"message", node.message},
                {"sent_at", TimeText(node.sent_at)},
                {"elapsed_seconds", Seconds(node.elapsed)},
                {"exit_code", node.exit_code},
                {"counts", CountsAsJson(node.counts)}});
}

absl::Time ReadTime(const Json& line, const char* key) {
  absl::Time time;
  std::string error;
  const std::string text = line.at(key).get<std::string>();
  return absl::ParseTime(absl::RFC3339_full, text, &time, &error) ? time : absl::InfinitePast();
}

void ReadEnd(const Json& line, NodeRun* node) {
  const auto text = [&line](const char* key) { return line.at(key).get<std::string>(); };
  node->state = text("state");
  node->outcome = text("outcome");
  node->code = text("code");
  node->message = text("message");
  node->sent_at = ReadTime(line, "sent_at");
  node->elapsed = absl::Seconds(line.at("elapsed_seconds").get<double>());
  node->exit_code = line.at("exit_code").get<int>();
  const Json& counts = line.at("counts");
  const auto count = [&counts](const char* key) { return counts.at(key).get<int>(); };
  node->counts = {.ok = count("ok"),
                  .changed = count("changed"),
                  .would_change = count("would_change"),
                  .failed = count("failed"),
                  .skipped = count("skipped")};
}

absl::StatusOr<RunEvent> ReadEvent(const Json& line) {
  RunEvent event;
  const std::string word = line.at("event").get<std::string>();
  const auto* const known = std::find_if(kWords.begin(), kWords.end(),
                                         [&word](const auto& pair) { return pair.second == word; });
  if (known == kWords.end()) {
    return absl::InvalidArgumentError(absl::StrCat("unknown event '", word, "'"));
  }
  event.kind = known->first;
  event.at = ReadTime(line, "at");
  if (event.kind == Kind::kBegan) event.verb = line.at("verb").get<std::string>();
  if (event.kind == Kind::kSent || event.kind == Kind::kEnded) {
    event.node.node = line.at("node").get<std::string>();
  }
  if (event.kind == Kind::kEnded) ReadEnd(line, &event.node);
  if (event.kind == Kind::kFinished) event.exit_code = line.at("exit_code").get<int>();
  return event;
}

}  // namespace

std::string EncodeRunEvent(const RunEvent& event) {
  const auto* const word = std::find_if(kWords.begin(), kWords.end(), [&event](const auto& pair) {
    return pair.first == event.kind;
  });
  Json line = {{"event", word->second}, {"at", TimeText(event.at)}};
  if (event.kind == Kind::kBegan) line.update({{"verb", event.verb}, {"bpactl", Version()}});
  if (event.kind == Kind::kSent || event.kind == Kind::kEnded) line["node"] = event.node.node;
  if (event.kind == Kind::kEnded) AddEnd(event.node, &line);
  if (event.kind == Kind::kFinished) line["exit_code"] = event.exit_code;
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::StatusOr<RunEvent> DecodeRunEvent(std::string_view line) {
  // nlohmann-json reports missing keys and wrong types by throwing; it stops here.
  try {
    return ReadEvent(Json::parse(line));
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(error.what());
  }
}

absl::StatusOr<RunLog> RunLog::Open(const std::string& directory) {
  std::string path = directory + kName;
  const int fd =
      open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
  if (fd < 0) return ErrnoStatus(errno, "open", path);
  RunLog log(std::move(path), fd);
  struct stat info;
  if (fstat(fd, &info) != 0) return ErrnoStatus(errno, "fstat", log.path_);
  char last = '\n';
  if (info.st_size > 0 && pread(fd, &last, 1, info.st_size - 1) != 1) {
    return ErrnoStatus(errno, "pread", log.path_);
  }
  log.torn_ = last != '\n';
  return log;
}

RunLog::RunLog(RunLog&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), torn_(other.torn_) {}

RunLog::~RunLog() {
  if (fd_ >= 0) close(fd_);
}

absl::Status RunLog::Append(const RunEvent& event) {
  const std::string line = absl::StrCat(torn_ ? "\n" : "", EncodeRunEvent(event));
  const ssize_t put = write(fd_, line.data(), line.size());
  if (put == static_cast<ssize_t>(line.size())) {
    torn_ = false;
    return absl::OkStatus();
  }
  if (put > 0) torn_ = true;
  // A file's write is cut short for want of room alone.
  return ErrnoStatus(put < 0 ? errno : ENOSPC, "write", path_);
}

absl::Status RunLog::Sync() {
  return fdatasync(fd_) == 0 ? absl::OkStatus() : ErrnoStatus(errno, "fdatasync", path_);
}

absl::StatusOr<RunEvents> ReadRunLog(const std::string& directory) {
  absl::StatusOr<std::string> text =
      ReadTrustedFile(directory + kName, kMaxLogBytes, FileSecrecy::kPublic);
  if (!text.ok()) return text.status();
  const std::vector<std::string> lines = absl::StrSplit(*text, '\n');
  RunEvents read;
  for (size_t i = 0; i < lines.size(); ++i) {
    // Nothing after the last line feed, or a write that was cut short by a kill or a full disk.
    if (!lines[i].ends_with('}')) continue;
    absl::StatusOr<RunEvent> event = DecodeRunEvent(lines[i]);
    if (event.ok()) {
      read.events.push_back(*std::move(event));
    } else {
      read.damaged.push_back(absl::StrCat("line ", i + 1, ": ", event.status().message()));
    }
  }
  return read;
}

}  // namespace bpa::controller

#include "agent/gateway/request.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "proto/envelope.h"
#include "proto/journal_sink.h"
#include "proto/log_event.h"

namespace bpa::gateway {
namespace {

// What the executor says of the command, for people.
std::string About(const v1::Ended& ended) {
  if (ended.command_id().empty()) return "";
  return absl::StrCat(" command=", absl::CHexEscape(ended.command_id()),
                      " mode=", ModeName(ended.mode()), " result=", ResultName(ended));
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

bool NoteEnded(const std::string& body, CommandCounts& counts, RequestNotes& notes) {
  v1::Ended ended;
  if (!ended.ParseFromString(body)) return true;
  counts.Count(ended);
  notes.ended = std::move(ended);
  return true;
}

grpc::Status Serve(std::string_view method, const grpc::ServerContext& context,
                   const PeerCheck& peers,
                   const std::function<absl::Status(RequestNotes&)>& handle) {
  const absl::Time start = absl::Now();
  RequestNotes notes;
  const absl::StatusOr<std::string> name = peers.Check(context);
  const absl::Status status = name.ok() ? handle(notes) : name.status();
  LogEvent event = notes.ended ? CommandEvent(*notes.ended) : LogEvent();
  if (!status.ok()) event.severity = std::min(event.severity, Severity::kWarning);
  if (name.ok()) event.fields.push_back({"BPA_CONTROLLER", absl::Utf8SafeCEscape(*name)});
  // Escaped: a message may hold what a client or a file on the node chose.
  event.message = absl::StrCat(
      std::string(method), name.ok() ? absl::StrCat(" controller=", *name) : " controller=-",
      " peer=", context.peer(), " bytes=", notes.bytes, notes.ended ? About(*notes.ended) : "",
      " status=", absl::StatusCodeToString(status.code()),
      " ms=", absl::ToInt64Milliseconds(absl::Now() - start),
      status.ok() ? "" : " message=", absl::CHexEscape(status.message()));
  Log(*spdlog::default_logger_raw(), event);
  return ToGrpc(status);
}

absl::Status CheckEnvelope(std::string_view envelope) {
  if (envelope.empty()) return absl::InvalidArgumentError("envelope: empty, no command in it");
  if (envelope.size() <= kMaxEnvelopeBytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("envelope: ", envelope.size(), " bytes, allowed are ", kMaxEnvelopeBytes));
}

}  // namespace bpa::gateway

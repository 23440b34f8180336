#include "agent/gateway/request.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "proto/envelope.h"

namespace bpa::gateway {

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
  // Escaped: a message may hold what a client or a file on the node chose.
  spdlog::log(status.ok() ? spdlog::level::info : spdlog::level::warn,
              "{} controller={} peer={} bytes={} status={} ms={}{}{}", method,
              name.ok() ? *name : "-", context.peer(), notes.bytes,
              absl::StatusCodeToString(status.code()),
              absl::ToInt64Milliseconds(absl::Now() - start),
              status.ok() ? "" : " message=", absl::CHexEscape(status.message()));
  return ToGrpc(status);
}

absl::Status CheckEnvelope(std::string_view envelope) {
  if (envelope.empty()) return absl::InvalidArgumentError("envelope: empty, no command in it");
  if (envelope.size() <= kMaxEnvelopeBytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("envelope: ", envelope.size(), " bytes, allowed are ", kMaxEnvelopeBytes));
}

}  // namespace bpa::gateway

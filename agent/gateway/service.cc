#include "agent/gateway/service.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "agent/gateway/describe.h"
#include "agent/gateway/request.h"
#include "agent/gateway/short_request.h"

namespace bpa::gateway {
namespace {

// For as much as a node keeps, to a bastion on a slow line.
constexpr absl::Duration kGetAuditTimeout = absl::Minutes(5);
constexpr size_t kCommandIdBytes = 36;

absl::Status CheckCommandId(std::string_view id) {
  const bool plain = std::all_of(
      id.begin(), id.end(), [](unsigned char c) { return absl::ascii_isxdigit(c) || c == '-'; });
  if (id.size() == kCommandIdBytes && plain) return absl::OkStatus();
  return absl::InvalidArgumentError("command_id: expected a UUID of 36 characters");
}

}  // namespace

grpc::Status AgentService::Execute(grpc::ServerContext* context, const v1::ExecuteRequest* request,
                                   grpc::ServerWriter<v1::ExecuteResponse>* writer) {
  return Serve("Execute", *context, peers_, [&](RequestNotes& notes) {
    return RelayCommand(*context, request->envelope(), *writer, notes);
  });
}

grpc::Status AgentService::GetReport(grpc::ServerContext* context,
                                     const v1::GetReportRequest* request,
                                     v1::GetReportResponse* response) {
  return Serve("GetReport", *context, peers_, request->command_id().size(), [&] {
    return RelayGetReport(*context, request->command_id(), *response->mutable_report_envelope());
  });
}

grpc::Status AgentService::GetAudit(grpc::ServerContext* context,
                                    const v1::GetAuditRequest* request,
                                    grpc::ServerWriter<v1::GetAuditResponse>* writer) {
  return Serve("GetAudit", *context, peers_, request->ByteSizeLong(),
               [&] { return RelayGetAudit(*context, *request, *writer); });
}

grpc::Status AgentService::Describe(grpc::ServerContext* context, const v1::DescribeRequest*,
                                    v1::DescribeResponse* response) {
  return Serve("Describe", *context, peers_, 0, [&] {
    *response = DescribeNode(config_, tls_.expires());
    if (const NodeWatch::Seen seen = watch_.Last(); seen.status != nullptr) {
      *response->mutable_status() = *seen.status;
      // Monitoring still has what was seen before; people are told that it is no longer so.
      if (!seen.last.ok()) response->mutable_status()->set_error(std::string(seen.last.message()));
    }
    return absl::OkStatus();
  });
}

grpc::Status AgentService::InstallCertificate(grpc::ServerContext* context,
                                              const v1::InstallCertificateRequest* request,
                                              v1::InstallCertificateResponse*) {
  return Serve("InstallCertificate", *context, peers_, request->envelope().size(), [&] {
    if (absl::Status s = CheckEnvelope(request->envelope()); !s.ok()) return s;
    return RelayShort(*context, {FrameType::kInstallCertificate, request->envelope()},
                      FrameType::kDone, {relay_, slots_})
        .status();
  });
}

absl::Status AgentService::RelayCommand(grpc::ServerContext& context, const std::string& envelope,
                                        grpc::ServerWriter<v1::ExecuteResponse>& writer,
                                        RequestNotes& notes) {
  notes.bytes = envelope.size();
  if (absl::Status s = CheckEnvelope(envelope); !s.ok()) return s;
  const RelaySlots::Slot slot(slots_);
  if (absl::Status s = slot.status(); !s.ok()) return s;

  v1::ExecuteResponse response;
  const RelayOptions options{
      .deadline = Deadline(context, config_.command_timeout),
      .cancelled = [&context] { return context.IsCancelled(); },
      .on_progress =
          [&](const std::string& progress) {
            // Progress is advisory: what cannot be read is left out, the report still counts.
            return !response.mutable_progress()->ParseFromString(progress) ||
                   writer.Write(response);
          },
      .on_want = nullptr,
      .on_ended = [&](const std::string& ended) { return NoteEnded(ended, counts_, notes); },
  };
  absl::StatusOr<std::string> report =
      relay_.Run({.type = FrameType::kExecute, .body = envelope}, options);
  if (!report.ok()) return report.status();
  response.set_report_envelope(*std::move(report));
  if (writer.Write(response)) return absl::OkStatus();
  return absl::CancelledError("the client left before it had the report");
}

absl::Status AgentService::RelayGetAudit(grpc::ServerContext& context,
                                         const v1::GetAuditRequest& request,
                                         grpc::ServerWriter<v1::GetAuditResponse>& writer) {
  if (request.nonce().size() != kNonceBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("nonce: expected ", kNonceBytes, " bytes, not ", request.nonce().size()));
  }
  const RelaySlots::Slot slot(slots_);
  if (absl::Status s = slot.status(); !s.ok()) return s;
  bool readable = true;
  const RelayOptions options{
      .deadline = Deadline(context, kGetAuditTimeout),
      .cancelled = [&context] { return context.IsCancelled(); },
      .on_progress = nullptr,
      .on_want = nullptr,
      .on_audit =
          [&](const std::string& page) {
            v1::GetAuditResponse response;
            readable = response.mutable_page()->ParseFromString(page);
            return readable && writer.Write(response);
          },
  };
  absl::StatusOr<std::string> head =
      relay_.Run({.type = FrameType::kGetAudit,
                  .body = EncodeAuditRequest(
                      {.first_sequence = request.first_sequence(), .nonce = request.nonce()})},
                 options);
  if (!readable) return absl::InternalError("executor sent a page that cannot be read");
  if (!head.ok()) return head.status();
  v1::GetAuditResponse response;
  response.set_head_envelope(*std::move(head));
  if (writer.Write(response)) return absl::OkStatus();
  return absl::CancelledError("the client left before it had the whole audit record");
}

absl::Status AgentService::RelayGetReport(grpc::ServerContext& context,
                                          const std::string& command_id, std::string& report) {
  if (absl::Status s = CheckCommandId(command_id); !s.ok()) return s;
  absl::StatusOr<std::string> answer = RelayShort(context, {FrameType::kGetReport, command_id},
                                                  FrameType::kReport, {relay_, slots_});
  if (!answer.ok()) return answer.status();
  report = *std::move(answer);
  return absl::OkStatus();
}

}  // namespace bpa::gateway

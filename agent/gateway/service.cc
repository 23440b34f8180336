#include "agent/gateway/service.h"

#include <grpc/grpc_security_constants.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/gateway/authorization.h"
#include "agent/gateway/describe.h"
#include "proto/envelope.h"
#include "proto/frame.h"

namespace bpa::gateway {
namespace {

constexpr absl::Duration kReportTimeout = absl::Seconds(10);
constexpr size_t kCommandIdBytes = 36;

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

// The caller's name, for the log and as permission.
absl::StatusOr<std::string> Authorize(const grpc::ServerContext& context, const Config& config) {
  std::vector<std::string> uris;
  for (const grpc::string_ref& uri :
       context.auth_context()->FindPropertyValues(GRPC_PEER_URI_PROPERTY_NAME)) {
    uris.emplace_back(uri.data(), uri.size());
  }
  return AuthorizePeer(uris, config.cluster);
}

// Authorizes, carries out and logs one call.
template <typename Work>
grpc::Status Serve(const char* method, const grpc::ServerContext& context, const Config& config,
                   size_t bytes, Work work) {
  const absl::Time start = absl::Now();
  const absl::StatusOr<std::string> caller = Authorize(context, config);
  const absl::Status status = caller.ok() ? work() : caller.status();
  spdlog::log(status.ok() ? spdlog::level::info : spdlog::level::warn,
              "{} caller={} peer={} bytes={} status={} seconds={:.3f}{}{}", method,
              caller.ok() ? *caller : "-", context.peer(), bytes,
              absl::StatusCodeToString(status.code()), absl::ToDoubleSeconds(absl::Now() - start),
              status.ok() ? "" : ": ", std::string(status.message()));
  return ToGrpc(status);
}

}  // namespace

Service::Service(const Config& config, const Relay& relay) : config_(config), relay_(relay) {}

grpc::Status Service::Execute(grpc::ServerContext* context, const v1::ExecuteRequest* request,
                              grpc::ServerWriter<v1::ExecuteResponse>* writer) {
  return Serve("Execute", *context, config_, request->envelope().size(),
               [&] { return RelayCommand(context, *request, writer); });
}

absl::Status Service::RelayCommand(grpc::ServerContext* context, const v1::ExecuteRequest& request,
                                   grpc::ServerWriter<v1::ExecuteResponse>* writer) {
  if (request.envelope().size() > kMaxEnvelopeBytes) {
    return absl::InvalidArgumentError(absl::StrCat("the envelope is ", request.envelope().size(),
                                                   " bytes long, allowed are ", kMaxEnvelopeBytes));
  }
  const auto leave = absl::MakeCleanup([this] { --commands_; });
  if (++commands_ > kMaxConcurrentCommands) {
    return absl::ResourceExhaustedError(
        absl::StrCat("this node is relaying ", kMaxConcurrentCommands,
                     " commands already: try again when one has finished"));
  }
  const absl::Time deadline =
      std::min(absl::FromChrono(context->deadline()), absl::Now() + config_.command_timeout);
  absl::StatusOr<std::string> report = relay_.Call(
      {.type = FrameType::kExecute, .body = request.envelope()},
      [writer](std::string_view body) {
        v1::ExecuteResponse event;
        // Progress that does not parse is not worth a command: the report decides.
        if (!event.mutable_progress()->ParseFromArray(body.data(), static_cast<int>(body.size()))) {
          return true;
        }
        return writer->Write(event);
      },
      [context] { return context->IsCancelled(); }, deadline);
  if (!report.ok()) return report.status();
  v1::ExecuteResponse event;
  event.set_report_envelope(*std::move(report));
  if (!writer->Write(event)) return absl::CancelledError("the client went away");
  return absl::OkStatus();
}

grpc::Status Service::GetReport(grpc::ServerContext* context, const v1::GetReportRequest* request,
                                v1::GetReportResponse* response) {
  return Serve("GetReport", *context, config_, request->command_id().size(),
               [&] { return RelayReport(context, *request, response); });
}

absl::Status Service::RelayReport(grpc::ServerContext* context, const v1::GetReportRequest& request,
                                  v1::GetReportResponse* response) {
  if (request.command_id().size() != kCommandIdBytes) {
    return absl::InvalidArgumentError(absl::StrCat("a command id is a UUID of ", kCommandIdBytes,
                                                   " characters, not ",
                                                   request.command_id().size()));
  }
  absl::StatusOr<std::string> report = relay_.Call(
      {.type = FrameType::kGetReport, .body = request.command_id()},
      [](std::string_view) { return true; }, [context] { return context->IsCancelled(); },
      absl::Now() + kReportTimeout);
  if (!report.ok()) return report.status();
  response->set_report_envelope(*std::move(report));
  return absl::OkStatus();
}

grpc::Status Service::Describe(grpc::ServerContext* context, const v1::DescribeRequest*,
                               v1::DescribeResponse* response) {
  return Serve("Describe", *context, config_, 0, [&] {
    *response = DescribeNode(config_);
    return absl::OkStatus();
  });
}

}  // namespace bpa::gateway

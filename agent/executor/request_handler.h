// What a connection asks of the executor.
#ifndef BPA_AGENT_EXECUTOR_REQUEST_HANDLER_H_
#define BPA_AGENT_EXECUTOR_REQUEST_HANDLER_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/executor/package/content_source.h"
#include "agent/executor/refusal.h"
#include "bpa/v1/audit.pb.h"
#include "bpa/v1/report.pb.h"
#include "bpa/v1/status.pb.h"
#include "proto/frame.h"

namespace bpa::executor {

using ProgressSink = std::function<void(const v1::Progress&)>;
// Fails when the page cannot be sent: then no more are wanted.
using AuditSink = std::function<absl::Status(const v1::AuditPage&)>;

// For the one log line of a request; what is not known stays empty.
struct RequestSummary {
  std::string command_id;
  std::string mode;
  std::string operator_name;
  std::string signers;
  // "carried out", "stored report", "attached", "interrupted", "observed"; empty when refused.
  std::string answer;
  // How a command ended; set by Execute.
  std::optional<v1::Ended> ended;
  // What is wrong with the audit record: it could not be written, or it is broken.
  absl::Status audit;
  // Monitoring's, which comes alone and every few minutes.
  bool only_looked = false;
};

// Safe to call from several threads.
class RequestHandler {
 public:
  virtual ~RequestHandler() = default;

  // Both return a signed report's envelope, or a refusal with one of the codes that
  // agent_service.proto lists for the node. `progress` and `content` are called on the calling
  // thread; `content` is where packages' bytes can be had, or null.
  virtual absl::StatusOr<std::string> Execute(std::string_view envelope, ContentSource* content,
                                              const ProgressSink& progress,
                                              RequestSummary& summary) = 0;
  virtual absl::StatusOr<std::string> GetReport(std::string_view command_id,
                                                RequestSummary& summary) = 0;
  // Sends the audit record's pages and returns the signed head's envelope. Changes nothing, but
  // that counted refusals get their entries when they are due.
  virtual absl::StatusOr<std::string> GetAudit(const AuditRequest& request, const AuditSink& sink,
                                               RequestSummary& summary) = 0;
  // Returns a serialized bpa.v1.NodeStatus. Changes nothing.
  virtual absl::StatusOr<std::string> Observe(RequestSummary& summary) = 0;
  // What runs ends after the resource that it is at; later requests are refused.
  virtual void Stop() = 0;
};

// Answers everything with one refusal. Stands in when the executor cannot work, so that the
// administrator reads why on the bastion and not only in the node's log.
class RefusingHandler : public RequestHandler {
 public:
  explicit RefusingHandler(const absl::Status& reason)
      : reason_(Refuse(v1::REFUSAL_REASON_NODE, absl::FailedPreconditionError(reason.message()))) {}

  absl::StatusOr<std::string> Execute(std::string_view, ContentSource*, const ProgressSink&,
                                      RequestSummary& summary) override {
    summary.ended.emplace().set_refusal(RefusalOf(reason_));
    return reason_;
  }
  absl::StatusOr<std::string> GetReport(std::string_view, RequestSummary&) override {
    return reason_;
  }
  absl::StatusOr<std::string> GetAudit(const AuditRequest&, const AuditSink&,
                                       RequestSummary&) override {
    return reason_;
  }
  absl::StatusOr<std::string> Observe(RequestSummary&) override { return reason_; }
  void Stop() override {}

 private:
  const absl::Status reason_;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_REQUEST_HANDLER_H_

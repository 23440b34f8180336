#include "tests/system/commands.h"

#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "bpa/v1/agent_service.grpc.pb.h"
#include "controller/channel.h"
#include "controller/command_builder.h"
#include "controller/report_check.h"
#include "gtest/gtest.h"

namespace bpa::system_test {
namespace {

constexpr absl::Duration kPatience = absl::Minutes(1);

template <typename T>
T Must(absl::StatusOr<T> result) {
  EXPECT_TRUE(result.ok()) << result.status();
  if (!result.ok()) std::abort();
  return *std::move(result);
}

std::unique_ptr<v1::AgentService::Stub> Connect(const Lab& lab,
                                                const controller::ClientIdentity& identity) {
  return v1::AgentService::NewStub(
      controller::Dialer(identity).Dial(lab.node(1), absl::Seconds(5)));
}

v1::Report Checked(const Lab& lab, const std::string& sent, const std::string& report_envelope) {
  std::vector<TrustedSigner> node;
  node.push_back({.name = "node-1", .key = Must(lab.home().ReadReportKey(lab.node(1).name))});
  const Verifier pinned(std::move(node));
  return Must(controller::CheckReport(report_envelope, pinned,
                                      Must(controller::ReadSentCommand(sent)), lab.node(1).name));
}

}  // namespace

v1::Command MakeCommand(const Lab& lab, v1::Mode mode) {
  const controller::Cluster cluster = lab.cluster();
  return Must(
      controller::BuildCommand(cluster, {cluster.nodes.at(0)}, {.mode = mode}, absl::Now()));
}

Envelope Wrap(const v1::Command& command) { return Must(controller::WrapCommand(command)); }

Envelope Signed(const Lab& lab, const v1::Command& command) {
  Envelope envelope = Wrap(command);
  const absl::Status status =
      controller::SignEnvelope(Must(lab.home().ReadSigningKey()), &envelope);
  EXPECT_TRUE(status.ok()) << status;
  return envelope;
}

std::string Encoded(const Envelope& envelope) { return Must(EncodeEnvelope(envelope)); }

Answer Execute(const Lab& lab, const std::string& envelope, const OnProgress& on_progress) {
  const auto stub = Connect(lab, Must(lab.home().ReadClientIdentity()));
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
  v1::ExecuteRequest request;
  request.set_envelope(envelope);
  const auto reader = stub->Execute(&context, request);
  v1::ExecuteResponse response;
  std::string report;
  for (int count = 0; reader->Read(&response); ++count) {
    if (response.has_report_envelope()) {
      report = response.report_envelope();
    } else if (on_progress && !on_progress(count)) {
      context.TryCancel();
    }
  }
  Answer answer{.status = reader->Finish(), .report = {}};
  if (answer.status.ok()) answer.report = Checked(lab, envelope, report);
  return answer;
}

Answer ExecuteUntilReported(const Lab& lab, const std::string& envelope) {
  const absl::Time give_up = absl::Now() + kPatience;
  while (true) {
    Answer answer = Execute(lab, envelope);
    const bool again = answer.status.error_code() == grpc::StatusCode::UNAVAILABLE ||
                       answer.status.error_code() == grpc::StatusCode::ABORTED;
    if (!again || absl::Now() > give_up) return answer;
    absl::SleepFor(absl::Milliseconds(5));
  }
}

grpc::Status Describe(const Lab& lab, const controller::ClientIdentity& identity) {
  const auto stub = Connect(lab, identity);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(5)));
  v1::DescribeResponse response;
  return stub->Describe(&context, {}, &response);
}

}  // namespace bpa::system_test

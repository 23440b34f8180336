#include "tests/controller/fake_node.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "controller/home_maker.h"
#include "proto/envelope.h"
#include "proto/fingerprint.h"

namespace bpa::controller {

FakeNode::FakeNode(std::string name, const Home& home) : name_(std::move(name)) {
  behaviour_ = Answer;
  const std::string agent = absl::StrCat(home.path(), "/nodes/", name_, "/agent/");
  report_key_ = std::make_unique<PrivateKey>(*PrivateKey::FromPem(ReadFile(agent + "report.key")));
  grpc::SslServerCredentialsOptions tls(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  tls.pem_root_certs = ReadFile(agent + "tls/ca.pem");
  tls.pem_key_cert_pairs.push_back(
      {ReadFile(agent + "tls/node.key"), ReadFile(agent + "tls/node.pem")});
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(tls), &port_);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
}

FakeNode::~FakeNode() { server_->Shutdown(std::chrono::system_clock::now()); }

std::vector<std::string> FakeNode::received() const {
  const std::lock_guard lock(mutex_);
  return received_;
}

v1::Report FakeNode::MakeReport(const SentCommand& sent) const {
  v1::Report report;
  report.set_command_id(sent.command.id());
  report.set_command_sha256(sent.payload_sha256);
  report.set_cluster(sent.command.cluster());
  report.set_node(name_);
  report.set_mode(sent.command.mode());
  report.set_outcome(v1::OUTCOME_SUCCEEDED);
  report.set_started_at_unix_millis(absl::ToUnixMillis(absl::Now()));
  report.set_finished_at_unix_millis(report.started_at_unix_millis() + 1);
  v1::ResourceResult* resource = report.add_resources();
  resource->set_kind(v1::RESOURCE_KIND_DIRECTORY);
  resource->set_name("/opt/bpa/data/kafka1");
  resource->set_status(sent.command.mode() == v1::MODE_APPLY ? v1::RESOURCE_STATUS_CHANGED
                                                             : v1::RESOURCE_STATUS_WOULD_CHANGE);
  v1::Change* change = resource->add_changes();
  change->set_aspect("mode");
  change->set_before("0755");
  change->set_after("0777");
  change->set_fingerprint_sha256(
      ChangeFingerprint(resource->kind(), resource->name(), "mode", "0755", "0777"));
  return report;
}

std::string FakeNode::SignReport(const v1::Report& report, const PrivateKey* key) const {
  return Sign(kReportPayloadType, report.SerializeAsString(), key);
}

std::string FakeNode::Sign(std::string_view type, const std::string& payload,
                           const PrivateKey* key) const {
  Envelope envelope{.payload_type = std::string(type), .payload = payload};
  const PrivateKey& signer = key != nullptr ? *key : *report_key_;
  const std::string signed_bytes =
      PreAuthenticationEncoding(envelope.payload_type, envelope.payload);
  envelope.signatures.push_back({signer.public_key().id(), *signer.Sign(signed_bytes)});
  return *EncodeEnvelope(envelope);
}

void FakeNode::SendReport(const FakeCall& call, const v1::Report& report, const PrivateKey* key) {
  SendBytes(call, SignReport(report, key));
}

void FakeNode::SendBytes(const FakeCall& call, const std::string& report_envelope) {
  v1::ExecuteResponse response;
  response.set_report_envelope(report_envelope);
  call.stream->Write(response);
}

void FakeNode::SendProgress(const FakeCall& call, int position, int total,
                            v1::ResourceStatus status) {
  v1::ExecuteResponse response;
  v1::Progress* progress = response.mutable_progress();
  progress->set_kind(v1::RESOURCE_KIND_DIRECTORY);
  progress->set_name("/opt/bpa/data/kafka1");
  progress->set_status(status);
  progress->set_position(static_cast<uint32_t>(position));
  progress->set_total(static_cast<uint32_t>(total));
  call.stream->Write(response);
}

grpc::Status FakeNode::Execute(grpc::ServerContext* context, const v1::ExecuteRequest* request,
                               grpc::ServerWriter<v1::ExecuteResponse>* stream) {
  const int attempt = Note(request->envelope());
  absl::StatusOr<SentCommand> sent = ReadSentCommand(request->envelope());
  if (!sent.ok()) return {grpc::StatusCode::INVALID_ARGUMENT, "no command"};
  return behaviour_(*this, {*std::move(sent), attempt, context, stream});
}

int FakeNode::Note(const std::string& envelope) {
  const std::lock_guard lock(mutex_);
  received_.push_back(envelope);
  return static_cast<int>(received_.size());
}

grpc::Status FakeNode::Stage(
    grpc::ServerContext* context,
    grpc::ServerReaderWriter<v1::StageResponse, v1::StageRequest>* stream) {
  v1::StageRequest first;
  if (!stream->Read(&first)) return {grpc::StatusCode::INVALID_ARGUMENT, "no envelope"};
  const int attempt = Note(first.envelope());
  absl::StatusOr<SentCommand> sent = ReadSentCommand(first.envelope());
  if (!sent.ok()) return {grpc::StatusCode::INVALID_ARGUMENT, "no command"};
  return staging_(*this, {*std::move(sent), attempt, context, stream});
}

void FakeStaging::Want(const v1::Want& want) const {
  v1::StageResponse response;
  *response.mutable_want() = want;
  stream->Write(response);
}

std::string FakeStaging::Receive(size_t bytes) const {
  std::string all;
  v1::StageRequest request;
  while (all.size() < bytes && stream->Read(&request)) {
    if (request.has_abandoned()) return "abandoned: " + request.abandoned();
    all += request.content();
  }
  return all;
}

void FakeStaging::Tell(uint64_t received) const {
  v1::StageResponse response;
  v1::Progress* progress = response.mutable_progress();
  progress->set_kind(v1::RESOURCE_KIND_PACKAGE);
  progress->set_name("/opt/bpa/packages");
  progress->mutable_package()->set_phase(v1::PackageProgress::PHASE_RECEIVE);
  progress->mutable_package()->set_received_bytes(received);
  stream->Write(response);
}

void FakeStaging::SendReport(const std::string& envelope) const {
  v1::StageResponse response;
  response.set_report_envelope(envelope);
  stream->Write(response);
}

grpc::Status FakeNode::Describe(grpc::ServerContext*, const v1::DescribeRequest*,
                                v1::DescribeResponse* response) {
  response->set_cluster("bpa-test");
  response->set_node(name_);
  response->set_agent_version("0.1.0");
  response->set_now_unix_millis(absl::ToUnixMillis(absl::Now()));
  response->set_kernel_release("6.1.0");
  response->set_certificate_expires_at_unix_millis(
      absl::ToUnixMillis(absl::Now() + absl::Hours(24 * 100 + 1)));
  if (status_.has_value()) *response->mutable_status() = *status_;
  return grpc::Status::OK;
}

void FakeNode::Audit(FakeAudit audit) {
  const std::lock_guard lock(audit_mutex_);
  audit_ = std::move(audit);
}

grpc::Status FakeNode::GetAudit(grpc::ServerContext*, const v1::GetAuditRequest* request,
                                grpc::ServerWriter<v1::GetAuditResponse>* stream) {
  const std::lock_guard lock(audit_mutex_);
  return audit_(*this, *request, stream);
}

grpc::Status Answer(FakeNode& node, const FakeCall& call) {
  node.SendProgress(call, 1, 1, v1::RESOURCE_STATUS_CHANGED);
  node.SendReport(call, node.MakeReport(call.sent));
  return grpc::Status::OK;
}

FakeFleet::FakeFleet(int count) {
  HomeOptions options{
      .cluster = "bpa-test", .bundles = true, .policy = "policy:\n  allow: [apply]\n"};
  for (int i = 1; i <= count; ++i) {
    options.nodes.push_back(
        *ParseNodeArgument(absl::StrCat("node-", i, "=127.0.0.1:", i,
                                        ",role=bpa-node-1,volume=vol-0123456789abcdef", i % 10),
                           i));
  }
  const absl::StatusOr<HomeResult> made =
      MakeHome(home(), options, absl::Now(), [](const std::string&) {});
  EXPECT_TRUE(made.ok()) << made.status();
  // The ports are known when the nodes listen; until then each address has its number in place.
  std::string cluster = ReadFile(home().cluster_path());
  for (int i = 1; i <= count; ++i) {
    nodes_.push_back(std::make_unique<FakeNode>(absl::StrCat("node-", i), home()));
    cluster =
        absl::StrReplaceAll(cluster, {{absl::StrCat("127.0.0.1:", i, "\n"),
                                       absl::StrCat("127.0.0.1:", nodes_.back()->port(), "\n")}});
  }
  WriteFile(home().cluster_path(), cluster);
}

std::vector<Node> FakeFleet::nodes() const { return home().ReadCluster()->nodes; }

std::vector<std::string> FakeFleet::contacted() const {
  std::vector<std::string> names;
  for (const auto& node : nodes_) {
    if (!node->received().empty()) names.push_back(node->name());
  }
  return names;
}

}  // namespace bpa::controller

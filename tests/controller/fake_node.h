// Nodes for tests of bpactl: real gRPC servers with TLS in the test's process, that answer as told.
#ifndef BPA_TESTS_CONTROLLER_FAKE_NODE_H_
#define BPA_TESTS_CONTROLLER_FAKE_NODE_H_

#include <grpcpp/server.h>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bpa/v1/agent_service.grpc.pb.h"
#include "controller/cluster.h"
#include "controller/home.h"
#include "controller/report_check.h"
#include "tests/controller/scratch.h"

namespace bpa::controller {

// What a node does with one Execute call. `sent` is the command, `attempt` counts from 1.
struct FakeCall {
  SentCommand sent;
  int attempt;
  grpc::ServerContext* context;
  grpc::ServerWriter<v1::ExecuteResponse>* stream;
};
using FakeBehaviour = std::function<grpc::Status(class FakeNode&, const FakeCall&)>;

// What a node does with one GetAudit call.
using FakeAudit = std::function<grpc::Status(class FakeNode&, const v1::GetAuditRequest&,
                                             grpc::ServerWriter<v1::GetAuditResponse>*)>;

// What a node does with one Stage call, whose envelope has been read.
struct FakeStaging {
  SentCommand sent;
  int attempt;
  grpc::ServerContext* context;
  grpc::ServerReaderWriter<v1::StageResponse, v1::StageRequest>* stream;

  void Want(const v1::Want& want) const;
  // Of content: at least `bytes` of it, or what came before the client stopped.
  std::string Receive(size_t bytes) const;
  // Of one package, as a sign of life.
  void Tell(uint64_t received) const;
  void SendReport(const std::string& envelope) const;
};
using FakeStageBehaviour = std::function<grpc::Status(class FakeNode&, const FakeStaging&)>;

class FakeNode : public v1::AgentService::Service {
 public:
  // Serves on a free port of 127.0.0.1 with the bundle that MakeHome made for `name`.
  FakeNode(std::string name, const Home& home);
  ~FakeNode() override;

  const std::string& name() const { return name_; }
  int port() const { return port_; }
  void Behave(FakeBehaviour behaviour) { behaviour_ = std::move(behaviour); }
  void BehaveWhenStaging(FakeStageBehaviour behaviour) { staging_ = std::move(behaviour); }
  // Waits for a call that is under way; there is one at a time.
  void Audit(FakeAudit audit);
  // What it says of itself besides.
  void Status(const v1::NodeStatus& status) { status_ = status; }
  // The envelopes received, one per attempt.
  std::vector<std::string> received() const;

  // A report on the command: one directory changed (APPLY) or to be changed.
  v1::Report MakeReport(const SentCommand& sent) const;
  // Signs with the node's report key, or another, and sends.
  void SendReport(const FakeCall& call, const v1::Report& report, const PrivateKey* key = nullptr);
  void SendBytes(const FakeCall& call, const std::string& report_envelope);
  std::string SignReport(const v1::Report& report, const PrivateKey* key = nullptr) const;
  // An envelope of any type, signed likewise.
  std::string Sign(std::string_view type, const std::string& payload, const PrivateKey* key) const;
  void SendProgress(const FakeCall& call, int position, int total, v1::ResourceStatus status);

  grpc::Status Execute(grpc::ServerContext* context, const v1::ExecuteRequest* request,
                       grpc::ServerWriter<v1::ExecuteResponse>* stream) override;
  grpc::Status Stage(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::StageResponse, v1::StageRequest>* stream) override;
  grpc::Status Describe(grpc::ServerContext* context, const v1::DescribeRequest* request,
                        v1::DescribeResponse* response) override;

  grpc::Status GetAudit(grpc::ServerContext* context, const v1::GetAuditRequest* request,
                        grpc::ServerWriter<v1::GetAuditResponse>* stream) override;

 private:
  // Which attempt this is.
  int Note(const std::string& envelope);

  const std::string name_;
  std::unique_ptr<PrivateKey> report_key_;
  FakeStageBehaviour staging_;
  std::mutex audit_mutex_;
  FakeAudit audit_;
  std::optional<v1::NodeStatus> status_;
  FakeBehaviour behaviour_;
  mutable std::mutex mutex_;
  std::vector<std::string> received_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// Answers with the report, after one message of progress. What a node does unless told otherwise.
grpc::Status Answer(FakeNode& node, const FakeCall& call);

// A controller's home with a cluster of `count` nodes, node-1 and so on, all served.
class FakeFleet {
 public:
  explicit FakeFleet(int count);

  Home home() const { return Home(scratch_ / "home"); }
  std::vector<Node> nodes() const;
  // 0-based.
  FakeNode& operator[](size_t index) { return *nodes_[index]; }
  const Scratch& scratch() const { return scratch_; }
  // How many nodes got a command.
  std::vector<std::string> contacted() const;

 private:
  Scratch scratch_;
  std::vector<std::unique_ptr<FakeNode>> nodes_;
};

}  // namespace bpa::controller

#endif  // BPA_TESTS_CONTROLLER_FAKE_NODE_H_

// A real server on a loopback port of its own, and clients for it.
#ifndef BPA_TESTS_AGENT_GATEWAY_RUNNING_SERVER_H_
#define BPA_TESTS_AGENT_GATEWAY_RUNNING_SERVER_H_

#include <grpcpp/channel.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

#include "agent/gateway/config.h"
#include "agent/gateway/server.h"
#include "bpa/v1/agent_service.grpc.pb.h"
#include "tests/agent/gateway/pki.h"
#include "tests/agent/gateway/scratch.h"
#include "tests/agent/gateway/stand_in_executor.h"

namespace bpa::gateway {

class ServerFixture : public testing::Test {
 protected:
  ServerFixture();
  ~ServerFixture() override;

  // With config_ as it is now.
  void StartServer(const std::string& listen = "127.0.0.1:0");
  // Returns how long the server took.
  absl::Duration StopServer();

  void WriteNode(const Pem& node) const;

  // A connection of its own. `client` nullptr: without a certificate.
  std::shared_ptr<grpc::Channel> Dial(const Pem* client) const;
  std::unique_ptr<v1::AgentService::Stub> Controller() const;
  grpc::Status Describe(const std::shared_ptr<grpc::Channel>& channel,
                        v1::DescribeResponse* response = nullptr) const;
  // Reads to the end; the last report_envelope goes to `report`.
  grpc::Status Execute(const std::string& envelope, std::string* report = nullptr,
                       int* progress = nullptr) const;
  // A TCP connection that says nothing.
  int IdleConnection() const;

  Scratch scratch_;
  const Pem authority_;
  const Pem controller_;
  Config config_;
  std::unique_ptr<Server> server_;

 private:
  int stop_;
  std::thread thread_;
};

}  // namespace bpa::gateway

#endif  // BPA_TESTS_AGENT_GATEWAY_RUNNING_SERVER_H_

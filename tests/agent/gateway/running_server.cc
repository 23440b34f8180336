#include "tests/agent/gateway/running_server.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/gateway/tls.h"

namespace bpa::gateway {

ServerFixture::ServerFixture()
    : authority_(MakeAuthority()),
      controller_(Issue(ControllerSubject(), &authority_)),
      config_{.cluster = "c", .node = "node-1", .listen = *ParseSocketAddress("127.0.0.1:0")},
      stop_(eventfd(0, EFD_CLOEXEC)) {
  static const absl::Status tls = RequireTls13();
  EXPECT_TRUE(tls.ok()) << tls;
  config_.ca = scratch_.Write("ca.pem", authority_.certificate);
  config_.certificate = scratch_.Path("node.pem");
  config_.key = scratch_.Path("node.key");
  config_.executor_socket = scratch_.Path("executor.sock");
  config_.drift_interval = absl::InfiniteDuration();
  WriteNode(Issue(NodeSubject(), &authority_));
}

ServerFixture::~ServerFixture() {
  if (thread_.joinable()) StopServer();
  close(stop_);
}

void ServerFixture::StartServer(const std::string& listen) {
  config_.listen = *ParseSocketAddress(listen);
  auto server = Server::Start(config_);
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  thread_ = std::thread([this] {
    const absl::Status status = server_->Run(
        stop_, absl::InfiniteDuration(), [] {}, [] {});
    EXPECT_TRUE(status.ok()) << status;
  });
}

absl::Duration ServerFixture::StopServer() {
  const absl::Time start = absl::Now();
  eventfd_write(stop_, 1);
  thread_.join();
  const absl::Duration took = absl::Now() - start;
  server_.reset();
  return took;
}

void ServerFixture::WriteNode(const Pem& node) const {
  scratch_.Write("node.pem", node.certificate);
  scratch_.Write("node.key", node.key);
}

std::shared_ptr<grpc::Channel> ServerFixture::Dial(const Pem* client) const {
  grpc::SslCredentialsOptions options{.pem_root_certs = authority_.certificate};
  if (client != nullptr) {
    options.pem_cert_chain = client->certificate;
    options.pem_private_key = client->key;
  }
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride("node-1");
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxSendMessageSize(-1);
  const bool v6 = config_.listen.storage.ss_family == AF_INET6;
  return grpc::CreateCustomChannel(
      absl::StrCat(v6 ? "ipv6:[::1]:" : "ipv4:127.0.0.1:", server_->port()),
      grpc::SslCredentials(options), arguments);
}

std::unique_ptr<v1::AgentService::Stub> ServerFixture::Controller() const {
  return v1::AgentService::NewStub(Dial(&controller_));
}

grpc::Status ServerFixture::Describe(const std::shared_ptr<grpc::Channel>& channel,
                                     v1::DescribeResponse* response) const {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
  v1::DescribeResponse ignored;
  return v1::AgentService::NewStub(channel)->Describe(&context, {},
                                                      response == nullptr ? &ignored : response);
}

grpc::Status ServerFixture::Execute(const std::string& envelope, std::string* report,
                                    int* progress) const {
  grpc::ClientContext context;
  v1::ExecuteRequest request;
  request.set_envelope(envelope);
  const auto stub = Controller();
  const auto reader = stub->Execute(&context, request);
  v1::ExecuteResponse response;
  while (reader->Read(&response)) {
    if (progress != nullptr && response.has_progress()) ++*progress;
    if (report != nullptr && response.has_report_envelope()) *report = response.report_envelope();
  }
  return reader->Finish();
}

int ServerFixture::IdleConnection() const {
  SocketAddress address = *ParseSocketAddress(absl::StrCat("127.0.0.1:", server_->port()));
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(connect(fd, address.get(), address.length), 0);
  return fd;
}

}  // namespace bpa::gateway

#include "tests/controller/real_node.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/gateway/tls.h"
#include "gtest/gtest.h"
#include "proto/enrollment_proof.h"
#include "spdlog/sinks/ostream_sink.h"

namespace bpa::controller {

RealNode::RealNode(const std::string& ca_pem, const std::string& signer_pem)
    : log_("executor", std::make_shared<spdlog::sinks::ostream_sink_mt>(log_text_)),
      stop_executor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      stop_gateway_(eventfd(0, EFD_CLOEXEC)) {
  static const absl::Status tls = gateway::RequireTls13();
  EXPECT_TRUE(tls.ok()) << tls;
  EXPECT_EQ(mkdir(Path("signers").c_str(), 0755), 0);
  WriteFile(Path("ca.pem"), ca_pem);
  WriteFile(Path("signers/bastion.pem"), signer_pem);
  executor_config_.cluster = gateway_config_.cluster = "bpa-test";
  executor_config_.node = gateway_config_.node = "node-1";
  executor_config_.gateway_user = std::to_string(geteuid());
  executor_config_.trusted_signers = Path("signers");
  executor_config_.report_key = Path("report.key");
  executor_config_.join_secret = Path("join.secret");
  executor_config_.ca = gateway_config_.ca = Path("ca.pem");
  executor_config_.certificate = gateway_config_.certificate = Path("node.pem");
  executor_config_.key = gateway_config_.key = Path("node.key");
  gateway_config_.executor_socket = Path("executor.sock");
  const absl::Status keys = executor::MakeKeys(executor_config_);
  EXPECT_TRUE(keys.ok()) << keys;

  identity_ = std::make_unique<executor::NodeIdentity>(
      executor_config_, [this] { return absl::Now() + absl::Nanoseconds(ahead_.load()); });
  commands_ = std::make_unique<executor::RefusingHandler>(absl::UnavailableError("no commands"));
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  gateway_config_.executor_socket.copy(address.sun_path, sizeof address.sun_path - 1);
  EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(listen(listener_, 32), 0);
  executor::ServerOptions options;
  options.gateway = geteuid();
  options.idle_timeout = absl::Hours(1);
  executor_ = std::make_unique<executor::Server>(
      listener_, stop_executor_, executor::Handlers{*commands_, *identity_}, options, log_);
  executor_thread_ = std::thread([this] { (void)executor_->Run(); });
}

RealNode::~RealNode() {
  Stop();
  eventfd_write(stop_executor_, 1);
  executor_thread_.join();
  close(listener_);
  close(stop_executor_);
  close(stop_gateway_);
}

void RealNode::Start() {
  gateway_config_.listen = *gateway::ParseSocketAddress(absl::StrCat("127.0.0.1:", port_));
  auto server = gateway::Server::Start(gateway_config_);
  ASSERT_TRUE(server.ok()) << server.status();
  gateway_ = *std::move(server);
  port_ = gateway_->port();
  gateway_thread_ = std::thread([this] {
    (void)gateway_->Run(
        stop_gateway_, absl::InfiniteDuration(), [] {}, [] {});
  });
}

void RealNode::Stop() {
  if (!gateway_thread_.joinable()) return;
  eventfd_write(stop_gateway_, 1);
  gateway_thread_.join();
  gateway_.reset();
  eventfd_t ignored = 0;
  eventfd_read(stop_gateway_, &ignored);
}

void RealNode::GiveSecret(const std::string& secret) const {
  WriteFile(Path("join.secret"), FormatJoinSecret(secret));
  EXPECT_EQ(chmod(Path("join.secret").c_str(), 0600), 0);
}

}  // namespace bpa::controller

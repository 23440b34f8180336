// A node in the test's process: the real gateway's server, and behind its socket the real
// executor's, with files of their own in place of /etc/bpa-agent.
#ifndef BPA_TESTS_CONTROLLER_REAL_NODE_H_
#define BPA_TESTS_CONTROLLER_REAL_NODE_H_

#include <atomic>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "agent/executor/config.h"
#include "agent/executor/node_identity.h"
#include "agent/executor/server.h"
#include "agent/gateway/config.h"
#include "agent/gateway/server.h"
#include "spdlog/logger.h"
#include "tests/controller/scratch.h"

namespace bpa::controller {

class RealNode {
 public:
  // node-1 of bpa-test with keys, with this authority and signer, and nothing else.
  RealNode(const std::string& ca_pem, const std::string& signer_pem);
  ~RealNode();
  RealNode(const RealNode&) = delete;
  RealNode& operator=(const RealNode&) = delete;

  // The gateway, on a free port of 127.0.0.1 the first time, and on the same after that.
  void Start();
  void Stop();
  int port() const { return port_; }
  std::string Path(const std::string& name) const { return scratch_ / name; }
  void GiveSecret(const std::string& secret) const;
  // How far the executor's clock is ahead.
  void SetClock(absl::Duration ahead) { ahead_ = absl::ToInt64Nanoseconds(ahead); }

 private:
  Scratch scratch_;
  executor::Config executor_config_;
  gateway::Config gateway_config_;
  std::atomic<int64_t> ahead_ = 0;
  std::ostringstream log_text_;
  spdlog::logger log_;
  std::unique_ptr<executor::NodeIdentity> identity_;
  std::unique_ptr<executor::RequestHandler> commands_;
  int listener_ = -1;
  const int stop_executor_;
  std::unique_ptr<executor::Server> executor_;
  std::thread executor_thread_;
  const int stop_gateway_;
  int port_ = 0;
  std::unique_ptr<gateway::Server> gateway_;
  std::thread gateway_thread_;
};

}  // namespace bpa::controller

#endif  // BPA_TESTS_CONTROLLER_REAL_NODE_H_

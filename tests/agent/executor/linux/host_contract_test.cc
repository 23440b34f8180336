// The contract suite on the machine.
#include "tests/agent/executor/host_contract.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

#include "agent/executor/linux_host.h"
#include "tests/agent/executor/linux/machine.h"

namespace bpa::executor {
namespace {

class LinuxHostUnderTest final : public HostUnderTest {
 public:
  LinuxHostUnderTest() { Shell("chmod 755 " + scratch_.path()); }
  Host& host() override { return host_; }
  std::string scratch() const override { return scratch_.path(); }
  void MakeLink(const std::string& target, const std::string& path) override {
    ASSERT_EQ(symlink(target.c_str(), path.c_str()), 0) << std::strerror(errno);
  }

 private:
  Scratch scratch_;
  LinuxHost host_;
};

std::unique_ptr<HostUnderTest> MakeLinuxHost() { return std::make_unique<LinuxHostUnderTest>(); }

INSTANTIATE_TEST_SUITE_P(LinuxHost, HostContract, testing::Values(&MakeLinuxHost));

}  // namespace
}  // namespace bpa::executor

// The contract suite on the fake: what tests conclude from it holds on the machine.
#include <memory>
#include <string>

#include "tests/agent/executor/host_contract.h"
#include "tests/fakes/fake_host.h"
#include "tests/fakes/faults.h"

namespace bpa::executor {
namespace {

class FakeHostUnderTest final : public HostUnderTest {
 public:
  FakeHostUnderTest() : host_(faults_) {
    host_.AddDirectory("/scratch");
    host_.sysctls["vm.max_map_count"] = "65530";
  }
  Host& host() override { return host_; }
  std::string scratch() const override { return "/scratch"; }
  void MakeLink(const std::string& target, const std::string& path) override {
    host_.AddLink(path, target);
  }

 private:
  Faults faults_;
  FakeHost host_;
};

std::unique_ptr<HostUnderTest> MakeFakeHost() { return std::make_unique<FakeHostUnderTest>(); }

INSTANTIATE_TEST_SUITE_P(FakeHost, HostContract, testing::Values(&MakeFakeHost));

}  // namespace
}  // namespace bpa::executor

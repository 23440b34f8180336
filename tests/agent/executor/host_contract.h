// What every Host owes its callers: one suite (host_contract_test.cc), run on each implementation.
//
// An implementation joins in with
//   INSTANTIATE_TEST_SUITE_P(Name, HostContract, testing::Values(&MakeHostUnderTest));
// in a source file of the same program.
#ifndef BPA_TESTS_AGENT_EXECUTOR_HOST_CONTRACT_H_
#define BPA_TESTS_AGENT_EXECUTOR_HOST_CONTRACT_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "agent/executor/host.h"

namespace bpa::executor {

class HostUnderTest {
 public:
  virtual ~HostUnderTest() = default;
  virtual Host& host() = 0;
  // An empty directory, mode 0755 of user and group 0.
  virtual std::string scratch() const = 0;
  // What no Host can do: a symbolic link.
  virtual void MakeLink(const std::string& target, const std::string& path) = 0;
};

class HostContract : public testing::TestWithParam<std::unique_ptr<HostUnderTest> (*)()> {
 protected:
  HostContract() : under_test_(GetParam()()), host_(under_test_->host()) {}

  std::string At(const std::string& name) const { return under_test_->scratch() + "/" + name; }
  void MakeDirectory(const std::string& name);
  void MakeFile(const std::string& name, const std::string& contents);

  std::unique_ptr<HostUnderTest> under_test_;
  Host& host_;
};

}  // namespace bpa::executor

#endif  // BPA_TESTS_AGENT_EXECUTOR_HOST_CONTRACT_H_

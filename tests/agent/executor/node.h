// A node with a machine of strings, a real journal, real keys and a real executor.
#ifndef BPA_TESTS_AGENT_EXECUTOR_NODE_H_
#define BPA_TESTS_AGENT_EXECUTOR_NODE_H_

#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "agent/executor/executor.h"
#include "gtest/gtest.h"
#include "tests/agent/executor/support.h"

namespace bpa::executor {

// Sysctls by name. Safe to use from several threads.
class Machine {
 public:
  std::map<std::string, std::string> values() const {
    const std::lock_guard lock(mutex_);
    return values_;
  }
  std::string Get(const std::string& name) const {
    const std::lock_guard lock(mutex_);
    const auto found = values_.find(name);
    return found == values_.end() ? "" : found->second;
  }
  void Set(const std::string& name, const std::string& value) {
    const std::lock_guard lock(mutex_);
    values_[name] = value;
  }
  // Called, without a lock, before a sysctl is set. Set it before threads start.
  std::function<void(const std::string& name)> before_set;
  // Called before that, with the command's content; what fails here fails the resource.
  std::function<absl::Status(const std::string& name, ContentSource* content)> receive;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> values_;
};

class MachineSysctl : public Resource {
 public:
  MachineSysctl(Machine& machine, std::string name, std::string wanted, ContentSource* content)
      : machine_(machine), name_(std::move(name)), wanted_(std::move(wanted)), content_(content) {}
  v1::ResourceKind kind() const override { return v1::RESOURCE_KIND_SYSCTL; }
  std::string name() const override { return name_; }
  absl::StatusOr<std::vector<Difference>> Observe() override {
    const std::string now = machine_.Get(name_);
    if (now == wanted_) return std::vector<Difference>();
    return std::vector<Difference>{{"live value", now, wanted_}};
  }
  absl::Status Converge() override {
    if (machine_.receive) {
      if (absl::Status s = machine_.receive(name_, content_); !s.ok()) return s;
    }
    if (machine_.before_set) machine_.before_set(name_);
    machine_.Set(name_, wanted_);
    return absl::OkStatus();
  }

 private:
  Machine& machine_;
  const std::string name_;
  const std::string wanted_;
  ContentSource* const content_;
};

class NodeTest : public testing::Test {
 protected:
  NodeTest() {
    config_.cluster = "bpa-test";
    config_.node = "node-1";
    config_.trusted_signers = directory_ / "signers";
    config_.state = directory_ / "state";
    config_.policy.allow_apply = true;
    config_.policy.sysctls = {"vm.a", "vm.b"};
    EXPECT_EQ(mkdir(config_.trusted_signers.c_str(), 0755), 0);
    Trust("alice", signer_);
    OpenJournal();
  }

  void Trust(const std::string& name, const PrivateKey& key) {
    WriteFile(config_.trusted_signers + "/" + name + ".pem", key.public_key().ToPem());
  }
  // Begins anew with what a crash would have left: nothing but the journal.
  void OpenJournal() {
    executor_.reset();
    journal_.reset();
    absl::StatusOr<std::unique_ptr<Journal>> journal =
        Journal::Open(config_.state, {config_.cluster, config_.node});
    ASSERT_THAT(journal, IsOk());
    journal_ = *std::move(journal);
    const auto plan =
        [this](const v1::Role& role, const v1::Target&,
               const CommandContext& context) -> absl::StatusOr<std::vector<PlannedResource>> {
      std::vector<PlannedResource> resources;
      for (const v1::Sysctl& sysctl : role.sysctls()) {
        if (absl::Status s = CheckSysctlAllowed(config_.policy, sysctl.name()); !s.ok()) return s;
        resources.push_back({.resource = std::make_unique<MachineSysctl>(
                                 machine_, sysctl.name(), sysctl.exactly(), context.content)});
      }
      return resources;
    };
    executor_ = std::make_unique<Executor>(config_, plan, *journal_, report_signer_,
                                           [this] { return now_; });
  }

  // Wants vm.a=1 and vm.b=2.
  v1::Command NewCommand(int id, v1::Mode mode = v1::MODE_APPLY) const {
    v1::Command command = ValidCommand(now_);
    command.set_id(TestId(id));
    command.set_mode(mode);
    v1::Role& role = *command.mutable_roles(0);
    role.clear_volumes();
    role.clear_directories();
    role.clear_sysctls();
    for (const auto& [name, value] : {std::pair("vm.a", "1"), std::pair("vm.b", "2")}) {
      v1::Sysctl& sysctl = *role.add_sysctls();
      sysctl.set_name(name);
      sysctl.set_exactly(value);
    }
    command.mutable_targets(0)->clear_volumes();
    return command;
  }
  std::string Sign(const v1::Command& command) const { return SignCommand(command, {&signer_}); }
  v1::Report Open(const std::string& envelope) const {
    return OpenReport(envelope, report_key_.public_key());
  }
  absl::StatusOr<std::string> Execute(const std::string& envelope) {
    summary_ = {};
    return executor_->Execute(
        envelope, nullptr, [](const v1::Progress&) {}, summary_);
  }
  absl::StatusOr<std::string> GetReport(const std::string& id) {
    summary_ = {};
    return executor_->GetReport(id, summary_);
  }

  const TemporaryDirectory directory_;
  const PrivateKey signer_ = NewKey();
  const PrivateKey report_key_ = NewKey();
  const ReportSigner report_signer_{PrivateKey::FromPem(report_key_.ToPem()).value(), "bpa-test",
                                    "node-1"};
  Config config_;
  absl::Time now_ = TestNow();
  Machine machine_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Executor> executor_;
  RequestSummary summary_;
};

}  // namespace bpa::executor

#endif  // BPA_TESTS_AGENT_EXECUTOR_NODE_H_

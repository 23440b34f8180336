// A ledger in memory: survives a crash of the program under test.
#ifndef BPA_TESTS_FAKES_FAKE_LEDGER_H_
#define BPA_TESTS_FAKES_FAKE_LEDGER_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "agent/executor/ledger.h"
#include "tests/fakes/faults.h"

namespace bpa::executor {

class FakeLedger : public Ledger {
 public:
  explicit FakeLedger(Faults& faults) : faults_(faults) {}

  absl::Status BeginFormat(const FormatIntent& intent) override {
    return faults_.Call(absl::StrCat("BeginFormat ", intent.disk), [&] {
      intents_[intent.disk] = intent;
      return absl::OkStatus();
    });
  }
  absl::StatusOr<std::optional<FormatIntent>> UnfinishedFormat(const std::string& disk) override {
    using Result = absl::StatusOr<std::optional<FormatIntent>>;
    return faults_.Call(absl::StrCat("UnfinishedFormat ", disk), [&]() -> Result {
      const auto found = intents_.find(disk);
      if (found == intents_.end()) return std::nullopt;
      return found->second;
    });
  }
  absl::Status FinishFormat(const std::string& disk) override {
    return faults_.Call(absl::StrCat("FinishFormat ", disk), [&] {
      intents_.erase(disk);
      return absl::OkStatus();
    });
  }
  absl::StatusOr<bool> ResetDone(const std::string& command_id, const std::string& path) override {
    return faults_.Call(absl::StrCat("ResetDone ", path), [&]() -> absl::StatusOr<bool> {
      return resets_.contains({command_id, path});
    });
  }
  absl::Status RecordReset(const std::string& command_id, const std::string& path) override {
    return faults_.Call(absl::StrCat("RecordReset ", path), [&] {
      resets_.insert({command_id, path});
      return absl::OkStatus();
    });
  }

 private:
  Faults& faults_;
  std::map<std::string, FormatIntent> intents_;
  std::set<std::pair<std::string, std::string>> resets_;
};

}  // namespace bpa::executor

#endif  // BPA_TESTS_FAKES_FAKE_LEDGER_H_

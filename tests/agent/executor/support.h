// What the tests of the executor's core share: signed commands, keys, temporary directories.
#ifndef BPA_TESTS_AGENT_EXECUTOR_SUPPORT_H_
#define BPA_TESTS_AGENT_EXECUTOR_SUPPORT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/executor/command.h"
#include "bpa/v1/command.pb.h"
#include "bpa/v1/report.pb.h"
#include "gmock/gmock.h"
#include "proto/keys.h"

namespace bpa::executor {

// A directory of its own, removed with everything in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

void WriteFile(const std::string& path, const std::string& contents, unsigned mode = 0644);

// 2026-11-23T12:00:03Z: what the tests take for now.
absl::Time TestNow();

// "01930000-0000-7000-8000-00000000NNNN".
std::string TestId(int number);

// A command that is valid in every respect for node-1 of bpa-test: APPLY of role `node` (a volume,
// a directory below it, a sysctl), issued at `issued` and valid for 10 minutes.
v1::Command ValidCommand(absl::Time issued = TestNow());

PrivateKey NewKey();
// An envelope signed by each of `keys`.
std::string SignPayload(const std::string& payload, const std::vector<const PrivateKey*>& keys,
                        std::string_view type);
std::string SignCommand(const v1::Command& command, const std::vector<const PrivateKey*>& keys);
// Parsed as the executor does after verifying; signed by `signers` fresh keys.
absl::StatusOr<Command> Parse(const std::string& payload, int signers = 1);
absl::StatusOr<Command> Parse(const v1::Command& command, int signers = 1);

// The report in a signed envelope; fails the test unless `key` signed it.
v1::Report OpenReport(const std::string& envelope, const PublicKey& key);

inline const absl::Status& ToStatus(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& ToStatus(const absl::StatusOr<T>& result) {
  return result.status();
}

// A status or StatusOr with this code, whose message contains `text`.
MATCHER_P2(StatusIs, code, text, "") {
  const absl::Status& status = ToStatus(arg);
  *result_listener << status;
  return status.code() == code &&
         testing::Value(std::string(status.message()), testing::HasSubstr(text));
}
MATCHER(IsOk, "") {
  const absl::Status& status = ToStatus(arg);
  *result_listener << status;
  return status.ok();
}

}  // namespace bpa::executor

#endif  // BPA_TESTS_AGENT_EXECUTOR_SUPPORT_H_

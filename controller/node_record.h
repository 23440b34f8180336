// What the home keeps of one node: nodes/<name>/.
//
//   join.secret   until the node is enrolled; 0600
//   report.pem    its report key, pinned
//   former-report-keys/<key id>.pem   what was pinned before `enroll --replace`
//   node.pem      its certificate as issued last; pins its TLS key
#ifndef BPA_CONTROLLER_NODE_RECORD_H_
#define BPA_CONTROLLER_NODE_RECORD_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/home.h"
#include "proto/keys.h"

namespace bpa::controller {

// Everything is read anew and written durably. The name is a cluster's node's: well-formed.
class NodeRecord {
 public:
  NodeRecord(const Home& home, const std::string& node);

  // Nothing where there is no such file. Errors name it.
  absl::StatusOr<std::optional<PublicKey>> ReadReportKey() const;
  // Those that were pinned before, as far as they can be read: reports that are kept were signed
  // with them. A new one counts for nothing with them.
  std::vector<PublicKey> ReadFormerReportKeys() const;
  absl::StatusOr<std::optional<std::string>> ReadCertificate() const;
  // The 32 bytes.
  absl::StatusOr<std::optional<std::string>> ReadJoinSecret() const;

  // The node's secret; made if there is none.
  absl::StatusOr<std::string> EnsureJoinSecret() const;
  // FailedPrecondition when another key is pinned, unless `replace`: then that becomes a former
  // one.
  absl::Status PinReportKey(const PublicKey& key, bool replace) const;
  absl::Status SaveCertificate(const std::string& pem) const;
  // The secret has been used: no user-data may bring it again.
  absl::Status BurnJoinSecret() const;

 private:
  absl::Status EnsureDirectory() const;
  absl::Status KeepAsFormer(const PublicKey& key) const;
  std::string Path(const char* name) const;

  const std::string home_;
  const std::string node_;
};

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_NODE_RECORD_H_

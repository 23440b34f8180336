// The controller's home directory: everything that bpactl keeps.
//
//   cluster.yaml                     inventory and desired state; the administrator's
//   ca.key ca.pem                    signs node and client certificates
//   client.key client.pem            bpactl's own TLS identity
//   signer.key signer.pem            signs commands (the public half goes to the nodes)
//   nodes/<name>/join.secret         enrols the node, once; node_record.h
//   nodes/<name>/report.pem          the node's report key, pinned
//   nodes/<name>/former-report-keys/ what was pinned before
//   nodes/<name>/node.pem            its certificate, as issued last
//   nodes/<name>/agent/              what goes to the node's /etc/bpa-agent, if it is not enrolled
//   commands/<id>/command.dsse       every command sent, as signed
//   commands/<id>/<node>.report.dsse the signed report, as received
//   commands/<id>/run.jsonl          what happened, event by event (history/run_log.h)
//   history.db                       an index of commands/ (history/history_index.h)
//   trusted-signers.d/<name>.pem     optional: keys of others who sign, to tell their signatures
#ifndef BPA_CONTROLLER_HOME_H_
#define BPA_CONTROLLER_HOME_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/cluster.h"
#include "proto/keys.h"

namespace bpa::controller {

// TLS material as PEM.
struct ClientIdentity {
  std::string ca_certificate;
  std::string certificate;
  absl::Time certificate_until;
  std::string private_key;
};

// Paths and reading; creating is init.cc's. Cheap to copy.
class Home {
 public:
  // `--home`, else $BPA_HOME, else ~/.bpa.
  static Home Locate(const std::string& flag);
  explicit Home(std::string path);

  const std::string& path() const { return path_; }
  std::string cluster_path() const;  // <home>/cluster.yaml

  // NotFound says to run `bpactl init`; other errors name the file. FailedPrecondition when
  // bpactl's certificate is not valid now.
  absl::StatusOr<Cluster> ReadCluster() const;
  absl::StatusOr<ClientIdentity> ReadClientIdentity() const;
  absl::StatusOr<PrivateKey> ReadSigningKey() const;
  absl::StatusOr<PublicKey> ReadReportKey(const std::string& node) const;

  // Where a command and its reports are kept; `id` is a file's name, which Make... checks.
  std::string CommandDirectory(const std::string& command_id) const;
  absl::StatusOr<std::string> MakeCommandDirectory(const std::string& command_id) const;

  // Keeps a signed command before it is sent, and a report as received. Durable.
  absl::Status SaveCommand(const std::string& command_id, std::string_view envelope) const;
  absl::Status SaveReport(const std::string& command_id, const std::string& node,
                          std::string_view envelope) const;

 private:
  std::string path_;
};

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_HOME_H_

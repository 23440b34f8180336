// `bpactl audit`.
#ifndef BPA_CONTROLLER_AUDIT_H_
#define BPA_CONTROLLER_AUDIT_H_

#include <string>
#include <vector>

#include "controller/audit_record.h"
#include "controller/verb.h"

namespace bpa::controller {

void RegisterAudit(CLI::App& app, const GlobalOptions& global, int* exit_code);

struct AuditListing {
  std::string node;
  AuditAnswer answer;
  std::optional<AuditPoint> remembered;
  // Of the record; those that were asked to be shown.
  std::vector<std::pair<uint64_t, v1::AuditRecord>> entries;
};

// A table, and for each refusal its reason in a line of its own.
std::string RenderAudit(const AuditListing& listing, size_t columns, bool color);

// {"node", "verified": bool, "message", "exit_code",
//  "head": null | {"sequence", "chain_sha256", "first_sequence", "signed_at"},
//  "remembered": null | {"sequence", "chain_sha256"},
//  "entries": [{"sequence", "at", "event": "accepted|ended|refused|enrolled|
//               certificate_installed", "command_id", "command_sha256", "mode", "operator",
//               "reason", "signers": [], "outcome", "refusal", "message", "agent_version",
//               "refusals", "first_at"}]}
//
// Words are empty where an entry does not say them.
std::string AuditAsJson(const AuditListing& listing, int exit_code);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_AUDIT_H_

// One command of the history, whole.
#ifndef BPA_CONTROLLER_RENDER_SHOW_H_
#define BPA_CONTROLLER_RENDER_SHOW_H_

#include <string>

#include "controller/history/evidence.h"

namespace bpa::controller {

struct ShowOptions {
  std::string directory;  // where it is kept
  size_t columns = 0;
  bool color = false;
};

// Who, why and when; a line per node; then each node's resources with before and after, from
// reports whose signatures hold; then what does not prove itself.
std::string RenderEvidence(const Evidence& evidence, const ShowOptions& options);

// RunAsJson, and
//
//   {..., "expires_at", "signatures": [{"key_id", "signer", "verified": bool, "message"}],
//    "reports": [{"node", "verified": bool, "message", "report": null | as in a run's document}],
//    "problems": []}
std::string EvidenceAsJson(const Evidence& evidence);

// What a signature is, in words: "bastion: verified (key 0123...)".
std::string SignatureText(const SignatureCheck& check);

// "2026-11-25 13:50:01 UTC"; "-" for never.
std::string MomentText(absl::Time time);

// "reported: succeeded", "refused", "sent, and no answer seen"; with spaces for the words' lines.
std::string NodeStateText(const NodeRun& node);

// Why a run is unfinished and what to do; empty when it is finished.
std::string UnfinishedText(const Run& run, const std::string& directory);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_RENDER_SHOW_H_

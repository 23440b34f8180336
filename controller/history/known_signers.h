// Whose signatures this home can tell.
#ifndef BPA_CONTROLLER_HISTORY_KNOWN_SIGNERS_H_
#define BPA_CONTROLLER_HISTORY_KNOWN_SIGNERS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "controller/home.h"
#include "proto/envelope.h"
#include "proto/verifier.h"

namespace bpa::controller {

struct SignatureCheck {
  std::string key_id;    // as the signature calls its key
  std::string signer;    // whose key made it; empty when none known here did
  absl::Status verdict;  // OK; NotFound: no such key is known; Unauthenticated: not that key's work
};

// The keys of signer.pem, of trusted-signers.d/NAME.pem in the home, where a second signer's key
// may be put, and of what the nodes were given to trust (nodes/NODE/agent/trusted-signers.d).
class KnownSigners {
 public:
  // Keys that cannot be read are not known.
  explicit KnownSigners(const Home& home);

  // One verdict for each signature of the envelope, which holds a command.
  std::vector<SignatureCheck> Check(const Envelope& envelope) const;

 private:
  explicit KnownSigners(std::vector<TrustedSigner> signers);

  std::map<std::string, std::string> names_;  // by key id
  Verifier verifier_;
};

// "bastion", or "key 0123..." where it is not known whose.
std::vector<std::string> SignerNames(const std::vector<SignatureCheck>& checks);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_HISTORY_KNOWN_SIGNERS_H_

// Where a node's bootstrap certificate lies: made by the executor, served by the gateway until the
// node has a certificate of its authority.
#ifndef BPA_PROTO_BOOTSTRAP_H_
#define BPA_PROTO_BOOTSTRAP_H_

#include <string>

namespace bpa {

// Beside the node's certificate: /etc/bpa-agent/tls/bootstrap.pem.
inline std::string BootstrapPath(const std::string& certificate_path) {
  return certificate_path.substr(0, certificate_path.rfind('/') + 1) + "bootstrap.pem";
}

}  // namespace bpa

#endif  // BPA_PROTO_BOOTSTRAP_H_

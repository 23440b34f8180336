// The home's authority, and the certificate that bpactl itself has of it.
#ifndef BPA_CONTROLLER_AUTHORITY_H_
#define BPA_CONTROLLER_AUTHORITY_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/certificates.h"
#include "controller/home.h"

namespace bpa::controller {

// How long before its end a certificate is renewed, and the administrator told to: a month is the
// time that a person needs to notice.
inline constexpr absl::Duration kRenewBefore = absl::Hours(24 * 30);

// NotFound says that nodes are enrolled and renewed where ca.key is.
absl::StatusOr<Authority> ReadAuthority(const Home& home);

// Issues client.pem anew, for the same key, if less than kRenewBefore is left of it. Returns
// whether it did. Keeps the name that it has.
absl::StatusOr<bool> RenewClientCertificate(const Home& home, const Authority& authority,
                                            absl::Time now);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_AUTHORITY_H_

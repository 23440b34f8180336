// What binds an apply to a reviewed plan: the fingerprint of one change.
#ifndef BPA_PROTO_FINGERPRINT_H_
#define BPA_PROTO_FINGERPRINT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace bpa {

// SHA-256, 32 bytes, as PROTOCOL.md lays the input out. `kind` is a bpa.v1.ResourceKind and `name`
// its resource; the rest is the Change. Each field is at most 4 GiB - 1 long.
std::string ChangeFingerprint(uint32_t kind, std::string_view name, std::string_view aspect,
                              std::string_view before, std::string_view after);

}  // namespace bpa

#endif  // BPA_PROTO_FINGERPRINT_H_

// How much a command may hold. The controller refuses to build more, the executor to parse more.
#ifndef BPA_PROTO_LIMITS_H_
#define BPA_PROTO_LIMITS_H_

#include <cstddef>
#include <cstdint>

namespace bpa {

inline constexpr int kMaxRoles = 64;
inline constexpr int kMaxTargets = 512;
inline constexpr int kMaxVolumesPerRole = 8;
inline constexpr int kMaxDirectoriesPerRole = 256;
inline constexpr int kMaxSysctlsPerRole = 64;
inline constexpr int kMaxReviewedChanges = 1024;
// Names of clusters, nodes, roles, operators: a DNS name's length.
inline constexpr size_t kMaxNameBytes = 253;
inline constexpr size_t kMaxReasonBytes = 1024;
inline constexpr size_t kMaxPathBytes = 1024;
// Permission bits with setuid, setgid and sticky.
inline constexpr uint32_t kMaxMode = 07777;

}  // namespace bpa

#endif  // BPA_PROTO_LIMITS_H_

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
inline constexpr int kMaxPackagesPerRole = 16;
inline constexpr int kMaxReviewedChanges = 1024;
// Names of clusters, nodes, roles, operators: a DNS name's length.
inline constexpr size_t kMaxNameBytes = 253;
inline constexpr size_t kMaxReasonBytes = 1024;
inline constexpr size_t kMaxPathBytes = 1024;
// What people call a package: a release number, not an essay.
inline constexpr size_t kMaxPackageLabelBytes = 128;
inline constexpr uint64_t kMaxPackageEntries = 10 * 1000 * 1000;
// What the kernel's filesystems take for one component of a path.
inline constexpr size_t kMaxPathComponentBytes = 255;
inline constexpr size_t kMaxAccountBytes = 32;
inline constexpr size_t kMaxMountOptionsBytes = 1024;
inline constexpr size_t kMaxSysctlValueBytes = 1024;
inline constexpr int kMaxAttachTimeoutSeconds = 3600;
inline constexpr int kMaxDeviceTimeoutSeconds = 3600;
// The mount points, paths and sysctl names of one role together: a report names each of them and
// has to fit into one envelope.
inline constexpr size_t kMaxRoleNamesBytes = 64 * 1024;

}  // namespace bpa

#endif  // BPA_PROTO_LIMITS_H_

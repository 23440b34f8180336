// Files that decide who may do what: keys, certificates, configuration.
#ifndef BPA_PROTO_TRUSTED_FILE_H_
#define BPA_PROTO_TRUSTED_FILE_H_

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bpa {

enum class FileSecrecy {
  // Only its owner (root or the caller's uid) may write it; anyone may read it.
  kPublic,
  // Besides, nobody but owner and owning group may read it.
  kSecret,
};

// errno as a status that names the call and the path: "open /etc/fstab: Permission denied". The
// one place where errno is translated outside the executor's host.
absl::Status ErrnoStatus(int error, std::string_view syscall, std::string_view path);

// Whether anything is at `path`, a dangling symbolic link included (lstat). An error other than
// "no such file" is returned: a path that cannot be looked at is not one where nothing is.
absl::StatusOr<bool> PathExists(const std::string& path);

// Reads a regular file of at most `max_bytes`. FailedPrecondition, with the mode found and the
// chmod that mends it, when permissions are looser than `secrecy` asks; the check is on the opened
// file. NotFound when it does not exist.
absl::StatusOr<std::string> ReadTrustedFile(const std::string& path, size_t max_bytes,
                                            FileSecrecy secrecy);

// Writes a new file or replaces one whole: temporary file in the same directory, fsync, rename,
// fsync of the directory. `mode` is exact whatever the umask; `group` is the caller's unless given.
absl::Status WriteFileDurably(const std::string& path, std::string_view contents, unsigned mode,
                              std::optional<gid_t> group = std::nullopt);

// Removes a file and syncs its directory. OK when there is none.
absl::Status RemoveFileDurably(const std::string& path);

}  // namespace bpa

#endif  // BPA_PROTO_TRUSTED_FILE_H_

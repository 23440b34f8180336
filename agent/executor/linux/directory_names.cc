#include "agent/executor/linux/directory_names.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "agent/executor/linux/paths.h"
#include "proto/trusted_file.h"

namespace bpa::executor {

absl::StatusOr<std::vector<std::string>> DirectoryNames(int fd, const std::string& shown) {
  // An opening of its own: a duplicate would share the position.
  FileDescriptor own(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!own.valid()) return ErrnoStatus(errno, "openat", shown);
  DIR* stream = fdopendir(own.get());
  if (stream == nullptr) return ErrnoStatus(errno, "fdopendir", shown);
  own.Release();
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  const int error = errno;
  closedir(stream);
  if (error != 0) return ErrnoStatus(error, "readdir", shown);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace bpa::executor

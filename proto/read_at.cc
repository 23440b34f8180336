#include "proto/read_at.h"

#include <unistd.h>

#include <cerrno>

namespace bpa {

ssize_t ReadAt(int fd, char* out, size_t count, uint64_t offset) {
  size_t done = 0;
  while (done < count) {
    const ssize_t got = pread(fd, out + done, count - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return static_cast<ssize_t>(done);
}

}  // namespace bpa

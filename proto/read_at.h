// Reading a part of a file whole.
#ifndef BPA_PROTO_READ_AT_H_
#define BPA_PROTO_READ_AT_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace bpa {

// Reads up to `count` bytes at `offset`, fewer only at the file's end; or -1 and errno.
ssize_t ReadAt(int fd, char* out, size_t count, uint64_t offset);

}  // namespace bpa

#endif  // BPA_PROTO_READ_AT_H_

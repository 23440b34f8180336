// Where content is cut: by what it says and not by where it stands, so that an insertion in the
// middle of a file leaves the chunks before and behind it as they were.
#ifndef BPA_CONTROLLER_STAGING_CHUNKER_H_
#define BPA_CONTROLLER_STAGING_CHUNKER_H_

#include <cstddef>
#include <string_view>

namespace bpa::controller {

inline constexpr size_t kMinChunkBytes = 16 * 1024;
inline constexpr size_t kAverageChunkBytes = 64 * 1024;
inline constexpr size_t kLargestChunkBytes = 256 * 1024;
// Zeros are told from content in blocks of this size, aligned in their file.
inline constexpr size_t kZeroBlockBytes = 64 * 1024;

// FastCDC's normalized chunking (Xia et al., USENIX ATC 2016) over a gear hash of the last 64
// bytes. Length of the first chunk of `content`, which is not empty and is either the rest of a run
// of data or at least kLargestChunkBytes long. The same on every machine and in every release:
// another cut would make every node receive everything again.
size_t FirstChunk(std::string_view content);

bool IsAllZero(std::string_view bytes);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_STAGING_CHUNKER_H_

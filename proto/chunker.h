// Where bytes are cut: by what they say and not by where they stand, so that an insertion in the
// middle leaves the pieces before and behind it as they were.
#ifndef BPA_PROTO_CHUNKER_H_
#define BPA_PROTO_CHUNKER_H_

#include <cstddef>
#include <string_view>

namespace bpa {

// Lengths of pieces in bytes.
struct CutSizes {
  size_t min;
  int average_bits;  // the average is a power of two
  size_t largest;

  constexpr size_t average() const { return size_t{1} << average_bits; }
};

// FastCDC's normalized chunking (Xia et al., USENIX ATC 2016) over a gear hash of the last 64
// bytes. Length of the first piece of `bytes`, which are not empty and are either the rest of what
// is cut or at least sizes.largest long. The same on every machine and in every release: another
// cut would make every node receive everything again.
size_t FirstPiece(std::string_view bytes, const CutSizes& sizes);

}  // namespace bpa

#endif  // BPA_PROTO_CHUNKER_H_

// Whatever decodes encodes to the same bytes: there are no two spellings of one envelope.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "proto/envelope.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto envelope = bpa::DecodeEnvelope(bytes);
  if (!envelope.ok()) return 0;
  const auto encoded = bpa::EncodeEnvelope(*envelope);
  if (!encoded.ok() || *encoded != bytes) std::abort();
  return 0;
}

// A header that decodes encodes to the same bytes, and so does the error body that may follow it.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "proto/frame.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string_view first = bytes.substr(0, bpa::kFrameHeaderBytes);
  const auto header = bpa::DecodeFrameHeader(first);
  if (!header.ok()) return 0;
  if (header->body_bytes > bpa::kMaxFrameBodyBytes) std::abort();
  const bpa::Frame frame{.type = header->type, .body = std::string(header->body_bytes, '\0')};
  if (bpa::EncodeFrame(frame).substr(0, bpa::kFrameHeaderBytes) != first) std::abort();

  const std::string_view body = bytes.substr(bpa::kFrameHeaderBytes);
  absl::Status error;
  if (!bpa::DecodeError(body, &error).ok()) return 0;
  if (error.ok() || bpa::EncodeError(error) != body) std::abort();
  return 0;
}

// A manifest that reads to its end is written again as the same bytes: there are no two spellings
// of one tree. And every place in it can be come back to.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "proto/manifest_reader.h"
#include "proto/manifest_writer.h"

namespace {

class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : fd_(memfd_create("manifest", MFD_CLOEXEC)) {
    if (write(fd_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) std::abort();
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { close(fd_); }
  int fd() const { return fd_; }

 private:
  int fd_;
};

void Require(bool fulfilled) {
  if (!fulfilled) std::abort();
}

// False when the manifest ends in an error.
bool CopySegments(bpa::ManifestReader& reader, const bpa::ManifestEntry& entry,
                  bpa::ManifestWriter& writer) {
  for (;;) {
    const bpa::ManifestPosition place = reader.position();
    const auto segment = reader.NextSegment();
    if (!segment.ok()) return false;
    Require(reader.Seek(place).value() == entry);
    Require(reader.NextSegment().value() == *segment);
    if (!segment->has_value()) return true;
    const bpa::ManifestSegment& part = **segment;
    Require((part.hole ? writer.AddHole(part.length)
                       : writer.AddData(static_cast<uint32_t>(part.length), part.digest))
                .ok());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const MemoryFile in(bytes);
  const auto reader = bpa::ManifestReader::Open(in.fd());
  if (!reader.ok()) return 0;
  const MemoryFile out("");
  const auto writer = bpa::ManifestWriter::Create(out.fd());
  Require(writer.ok());
  for (;;) {
    const auto entry = (*reader)->Next();
    if (!entry.ok()) return 0;
    if (!entry->has_value()) break;
    Require((*writer)->Add(**entry).ok());
    if (!CopySegments(**reader, **entry, **writer)) return 0;
  }
  const auto finished = (*writer)->Finish();
  Require(finished.ok() && finished->header == (*reader)->header());
  Require(finished->bytes == size && finished->digest == bpa::DigestOf(bytes));
  return 0;
}

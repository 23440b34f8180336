// Manifests for tests: in files without names, and the entries of the golden one.
#ifndef BPA_TESTS_PROTO_MANIFEST_SAMPLES_H_
#define BPA_TESTS_PROTO_MANIFEST_SAMPLES_H_

#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "proto/manifest.h"

namespace bpa::testing {

// A file in memory that goes with the object.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes = "") : fd_(memfd_create("manifest", MFD_CLOEXEC)) {
    EXPECT_EQ(write(fd_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { close(fd_); }

  int fd() const { return fd_; }
  std::string Bytes() const {
    std::string bytes(static_cast<size_t>(lseek(fd_, 0, SEEK_END)), '\0');
    EXPECT_EQ(pread(fd_, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    return bytes;
  }

 private:
  int fd_;
};

// An entry and, for a file, its content.
struct ManifestItem {
  ManifestEntry entry;
  std::vector<ManifestSegment> segments;

  friend bool operator==(const ManifestItem&, const ManifestItem&) = default;
};

inline ManifestEntry Directory(std::string path) { return {.path = std::move(path), .mode = 0755}; }
inline ManifestEntry File(std::string path, uint64_t size = 0) {
  return {.path = std::move(path), .type = EntryType::kFile, .mode = 0644, .size = size};
}
inline ManifestEntry Symlink(std::string path, std::string target) {
  return {.path = std::move(path),
          .type = EntryType::kSymlink,
          .mode = 0777,
          .target = std::move(target)};
}

// What testdata/make_manifest_vector.sh writes.
inline std::vector<ManifestItem> GoldenManifest() {
  const uint64_t hole = 5'000'000'000;
  return {
      {.entry = {.mode = 0755, .mtime_seconds = 1'700'000'000, .mtime_nanoseconds = 500'000'000}},
      {.entry = {.path = "a", .mode = 0700, .mtime_seconds = -1, .mtime_nanoseconds = 999'999'999}},
      {.entry = {.path = "a/z",
                 .type = EntryType::kFile,
                 .mode = 0644,
                 .mtime_seconds = 1'700'000'001,
                 .size = hole + 11},
       .segments = {{.length = 5, .digest = DigestOf("hello"), .chunk = 0},
                    {.hole = true, .offset = 5, .length = hole},
                    {.offset = hole + 5, .length = 6, .digest = DigestOf(" world"), .chunk = 1}}},
      {.entry = {.path = "a b", .type = EntryType::kFile, .mode = 0600, .mtime_nanoseconds = 1}},
      {.entry = {.path = "link",
                 .type = EntryType::kSymlink,
                 .mode = 0777,
                 .mtime_seconds = 1'700'000'002,
                 .target = "../../etc"}},
      {.entry = {.path = "n\n\xff", .mode = 0555, .mtime_seconds = 1'700'000'003}},
  };
}

}  // namespace bpa::testing

#endif  // BPA_TESTS_PROTO_MANIFEST_SAMPLES_H_

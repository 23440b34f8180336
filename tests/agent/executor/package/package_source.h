// A controller in miniature: the manifest of a real tree, and its content on request, with faults.
#ifndef BPA_TESTS_AGENT_EXECUTOR_PACKAGE_PACKAGE_SOURCE_H_
#define BPA_TESTS_AGENT_EXECUTOR_PACKAGE_PACKAGE_SOURCE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "agent/executor/package/content_source.h"
#include "bpa/v1/command.pb.h"
#include "proto/manifest.h"

namespace bpa::executor {

// Writes the manifest of the tree at `directory` to `file`. Content is cut where it says so itself,
// and runs of zeros become holes. `average` bytes of a chunk: a power of two.
v1::Package MakeManifest(const std::string& directory, const std::string& file,
                         uint64_t average = 8 * 1024);

// Serves that tree.
class PackageSource : public ContentSource {
 public:
  PackageSource(std::string directory, std::string manifest);

  absl::Status Want(const v1::Want& want) override;
  absl::StatusOr<std::string> Read() override;

  // What was asked for so far; of the manifest, with its index.
  uint64_t manifest_bytes_sent() const { return manifest_bytes_sent_; }
  uint64_t content_bytes_sent() const { return content_bytes_sent_; }
  const std::vector<uint64_t>& chunks_wanted() const { return chunks_wanted_; }

  // Faults. After so many bytes, manifest included, Read fails like this.
  uint64_t fails_after = UINT64_MAX;
  absl::Status failure;
  // Gets each piece before it goes out, and the number of bytes that went before.
  std::function<void(std::string& piece, uint64_t sent)> spoil;
  size_t piece_bytes = 256 * 1024;
  // Sent in place of the manifest's own index.
  void set_index(std::string index) { index_ = std::move(index); }

 private:
  struct Part {
    std::string path;
    uint64_t offset;
    uint64_t length;
  };
  // Of each chunk, by its number; 24 bytes rather than a path.
  struct Chunk {
    uint32_t file;
    uint32_t length;
    uint64_t offset;
  };

  std::string OwnIndex() const;
  void ReadManifest();

  const std::string directory_;
  const std::string manifest_;
  std::string index_;
  std::vector<std::string> files_;
  std::vector<Chunk> chunks_;
  std::deque<std::vector<Part>> wants_;
  size_t part_ = 0;
  uint64_t part_done_ = 0;
  uint64_t manifest_bytes_sent_ = 0;
  uint64_t content_bytes_sent_ = 0;
  std::vector<uint64_t> chunks_wanted_;
};

}  // namespace bpa::executor

#endif  // BPA_TESTS_AGENT_EXECUTOR_PACKAGE_PACKAGE_SOURCE_H_

// Answers the nodes' wants from the source trees.
#ifndef BPA_CONTROLLER_STAGING_SOURCE_READER_H_
#define BPA_CONTROLLER_STAGING_SOURCE_READER_H_

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/staging/chunk_index.h"
#include "controller/staging/content_supplier.h"
#include "controller/staging/source_tree.h"
#include "proto/sha256.h"

namespace bpa::controller {

// One package: its manifest, and the tree that the manifest was made from.
struct PackageContent {
  Sha256 digest{};
  uint64_t manifest_bytes = 0;
  OwnedFd manifest;
  std::string manifest_index;  // empty: it has none
  std::unique_ptr<SourceTree> tree;
};

// The chunks that were read last: nodes that receive the same package at about the same pace are
// all served by one read. Bounded by bytes. For one thread.
class RecentChunks {
 public:
  using Bytes = std::shared_ptr<const std::string>;
  using Key = std::pair<size_t, uint64_t>;  // the package's place, and its chunk's number

  explicit RecentChunks(size_t max_bytes) : max_bytes_(max_bytes) {}

  // Null if it is not there.
  Bytes Find(const Key& key) const;
  void Add(const Key& key, Bytes bytes);

  // Behind the last that was pushed out.
  const Key& kept_from() const { return kept_from_; }
  // The same when `bytes` more will have been added.
  Key KeptAfter(size_t bytes) const;

 private:
  const size_t max_bytes_;
  size_t bytes_ = 0;
  std::map<Key, Bytes> chunks_;
  std::list<Key> oldest_first_;
  Key kept_from_;
};

class SourceStream;

// A file that changed since the manifest was made is an error that names it: Aborted. What it fails
// to see (a write that put the old times back), the node sees by the digest.
class SourceReader : public ContentSupplier {
 public:
  static absl::StatusOr<std::unique_ptr<SourceReader>> Open(std::vector<PackageContent> packages);

  std::unique_ptr<ContentStream> Open() override;

  // Read from the trees so far; with several nodes at one pace, the content's size.
  uint64_t bytes_read() const { return bytes_read_; }

  // A stream that has not moved for so long no longer keeps others waiting (IsAhead), and is served
  // by reads of its own.
  void set_patience(absl::Duration patience) { patience_ = patience; }

 private:
  friend class SourceStream;
  struct Package {
    PackageContent content;
    ChunkIndex index;
    size_t place = 0;  // among the packages
  };

  SourceReader();
  const Package* Find(const std::string& digest) const;

  std::vector<std::unique_ptr<const Package>> packages_;
  RecentChunks recent_;
  std::set<const SourceStream*> streams_;
  absl::Duration patience_ = absl::Seconds(5);
  uint64_t bytes_read_ = 0;
};

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_STAGING_SOURCE_READER_H_

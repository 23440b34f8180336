// How files were cut and hashed, remembered between runs.
#ifndef BPA_CONTROLLER_STAGING_HASH_CACHE_H_
#define BPA_CONTROLLER_STAGING_HASH_CACHE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/staging/source_tree.h"
#include "proto/manifest.h"
#include "proto/sqlite.h"

namespace bpa::controller {

// A file whose stamp is the one remembered was not written to since: its change time is the
// kernel's and cannot be set. Several bpactl may have it open. For one thread.
class HashCache {
 public:
  // Makes the database where there is none, or where it is damaged: all of it can be found again.
  static absl::StatusOr<std::unique_ptr<HashCache>> Open(const std::string& path);
  ~HashCache();

  absl::StatusOr<bool> Contains(const FileStamp& stamp);
  using Visitor = std::function<absl::Status(const ManifestSegment&)>;
  // The segments in order (`hole`, `length` and `digest`).
  absl::Status Visit(const FileStamp& stamp, const Visitor& visit);

  // Begins with a file; what was begun before and not completed is forgotten.
  void Begin(const FileStamp& stamp);
  absl::Status Add(const ManifestSegment& segment);
  // The file's last segment was added, and it had not changed. Not remembered when it was written
  // to within the last moments: the next write might leave the same times.
  absl::Status Complete(absl::Time scanned);

  // Keeps what was completed, also if the run fails later.
  absl::Status Save();

 private:
  HashCache() = default;
  absl::Status Prepare(const std::string& path);
  absl::Status Store(const std::string& segments, int64_t part, int64_t parts);
  absl::Status BeginWriting();

  std::unique_ptr<SqliteDatabase> database_;
  std::unique_ptr<SqliteStatement> find_;
  std::unique_ptr<SqliteStatement> read_;
  std::unique_ptr<SqliteStatement> touch_;
  std::unique_ptr<SqliteStatement> store_;
  bool writing_ = false;  // within a transaction
  int64_t today_ = 0;

  FileStamp stamp_;
  std::string first_part_;
  std::string part_;
  int64_t parts_ = 0;  // complete ones, the first included
};

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_STAGING_HASH_CACHE_H_

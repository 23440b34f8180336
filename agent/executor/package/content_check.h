// Reads files again and compares them with what a manifest says, several at once.
#ifndef BPA_AGENT_EXECUTOR_PACKAGE_CONTENT_CHECK_H_
#define BPA_AGENT_EXECUTOR_PACKAGE_CONTENT_CHECK_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "agent/executor/linux/paths.h"
#include "proto/manifest.h"

namespace bpa::executor {

// A file under check; closed when the last of its segments has been read.
struct CheckedFile {
  CheckedFile(FileDescriptor the_fd, std::string the_path)
      : fd(std::move(the_fd)), path(std::move(the_path)) {}

  FileDescriptor fd;
  std::string path;  // relative, as in the manifest
  // For verdicts that are told once for each file.
  mutable std::atomic<bool> told = false;
};

// Called from several threads at once.
class ContentVerdicts {
 public:
  virtual ~ContentVerdicts() = default;
  virtual void Good(const CheckedFile& file, const ManifestSegment& segment) = 0;
  // `why` is DataLoss when the content differs, else why it could not be read.
  virtual void Bad(const CheckedFile& file, const ManifestSegment& segment,
                   const absl::Status& why) = 0;
};

// A few threads behind a short queue: who adds faster than they read waits, so that neither
// segments nor open files pile up. Add and Wait are for one thread.
class ContentCheck {
 public:
  // `verdicts` must outlive it.
  explicit ContentCheck(ContentVerdicts& verdicts);
  // Waits.
  ~ContentCheck();

  void Add(const std::shared_ptr<const CheckedFile>& file, const ManifestSegment& segment);
  // Of a data segment that was just written from `bytes`, which were compared with its digest: what
  // is read is compared with a checksum of them (XXH3, a tenth of SHA-256's time). That tells what
  // a disk or a mistake of ours made of them; against whoever else can write the file, who is root,
  // a digest would be no help either.
  void AddWritten(const std::shared_ptr<const CheckedFile>& file, const ManifestSegment& segment,
                  std::string_view bytes);
  // Until all that was added has been judged.
  void Wait();
  // Bytes judged so far, holes included.
  uint64_t checked_bytes() const { return checked_bytes_; }

 private:
  struct Item {
    std::shared_ptr<const CheckedFile> file;
    ManifestSegment segment;
    std::optional<uint64_t> checksum;  // instead of the digest
  };
  using Batch = std::vector<Item>;

  void Add(Item item);
  void Flush();
  void Work();

  ContentVerdicts& verdicts_;
  std::atomic<uint64_t> checked_bytes_ = 0;
  Batch batch_;
  uint64_t batch_bytes_ = 0;
  int batch_files_ = 0;

  std::mutex mutex_;
  std::condition_variable work_, room_;
  // Guarded by mutex_:
  std::deque<Batch> queue_;
  int busy_ = 0;
  bool ending_ = false;

  std::vector<std::thread> threads_;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_PACKAGE_CONTENT_CHECK_H_

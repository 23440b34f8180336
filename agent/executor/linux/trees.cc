// Whole trees: removed and summarized.
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "agent/executor/linux/mountinfo.h"
#include "agent/executor/linux/paths.h"
#include "agent/executor/linux/remove_below.h"
#include "agent/executor/linux/tree_walk.h"
#include "agent/executor/linux_host.h"
#include "agent/executor/path.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

// Before anything is removed; the walk itself would only notice on the way.
absl::Status CheckNoMountsBelow(const std::string& path) {
  absl::StatusOr<std::vector<MountEntry>> mounts = ReadMountInfo("/proc/self/mountinfo");
  if (!mounts.ok()) return mounts.status();
  for (const MountEntry& mount : *mounts) {
    if (IsAtOrBelow(mount.mount_point, path)) {
      return absl::FailedPreconditionError(absl::StrCat(
          mount.mount_point, " is a mount point; unmount it before ", path, " can be removed"));
    }
  }
  return absl::OkStatus();
}

// Hashes in an encoding that no two listings share: fixed order, every length before its bytes.
class Digest {
 public:
  Digest() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    ok_ = context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1;
  }
  void Add(uint64_t number) {
    std::array<unsigned char, 8> bytes;
    for (size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = static_cast<unsigned char>(number >> (56 - 8 * i));
    }
    ok_ = ok_ && EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1;
  }
  void Add(const std::string& bytes) {
    Add(uint64_t{bytes.size()});
    ok_ = ok_ && EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1;
  }
  absl::StatusOr<std::string> Finish() {
    std::string bytes(EVP_MAX_MD_SIZE, '\0');
    unsigned length = 0;
    if (!ok_ || EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(bytes.data()),
                                   &length) != 1) {
      return absl::InternalError("libcrypto has no SHA-256");
    }
    bytes.resize(length);
    return bytes;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
  bool ok_;
};

class Summarizer final : public TreeVisitor {
 public:
  absl::Status Visit(const TreeEntry& entry) override {
    const struct statx& info = entry.info;
    const uint64_t size = S_ISDIR(info.stx_mode) ? 0 : info.stx_size;  // a directory's is its fs's
    ++summary_.entries;
    if (S_ISREG(info.stx_mode)) summary_.bytes += size;
    digest_.Add(entry.path);
    for (uint64_t number :
         {uint64_t{info.stx_mode}, uint64_t{info.stx_uid}, uint64_t{info.stx_gid}, size,
          static_cast<uint64_t>(info.stx_mtime.tv_sec), uint64_t{info.stx_mtime.tv_nsec}}) {
      digest_.Add(number);
    }
    return absl::OkStatus();
  }
  absl::Status Leave(const TreeEntry&) override { return absl::OkStatus(); }

  absl::StatusOr<TreeSummary> Finish() {
    absl::StatusOr<std::string> digest = digest_.Finish();
    if (!digest.ok()) return digest.status();
    summary_.digest = *digest;
    return summary_;
  }

 private:
  TreeSummary summary_;
  Digest digest_;
};

}  // namespace

absl::Status LinuxHost::RemoveTree(const std::string& path) {
  absl::StatusOr<ParentDirectory> parent = OpenParent(path);
  if (absl::IsNotFound(parent.status())) return absl::OkStatus();
  if (!parent.ok()) return parent.status();
  if (absl::Status s = CheckNoMountsBelow(path); !s.ok()) return s;
  return RemoveBelow(parent->directory.get(), parent->name, path);
}

absl::StatusOr<TreeSummary> LinuxHost::SummarizeTree(const std::string& path) {
  absl::StatusOr<FileDescriptor> root = OpenPath(path, O_RDONLY | O_DIRECTORY);
  if (!root.ok()) return root.status();
  Summarizer summarizer;
  if (absl::Status s = WalkTree(root->get(), path, summarizer); !s.ok()) return s;
  return summarizer.Finish();
}

}  // namespace bpa::executor

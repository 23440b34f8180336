#include "agent/executor/linux/remove_below.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "agent/executor/linux/paths.h"
#include "agent/executor/linux/tree_walk.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

// Who still writes into a tree may win this often.
constexpr int kRounds = 8;

class Remover final : public TreeVisitor {
 public:
  explicit Remover(const std::string& shown) : shown_(shown) {}

  absl::Status Visit(const TreeEntry& entry) override {
    return S_ISDIR(entry.info.stx_mode) ? absl::OkStatus() : Unlink(entry, 0);
  }
  absl::Status Leave(const TreeEntry& entry) override { return Unlink(entry, AT_REMOVEDIR); }

 private:
  absl::Status Unlink(const TreeEntry& entry, int flags) {
    if (unlinkat(entry.parent, entry.name.c_str(), flags) == 0 || errno == ENOENT ||
        errno == ENOTEMPTY) {
      return absl::OkStatus();  // ENOTEMPTY: the next round
    }
    return ErrnoStatus(errno, "unlinkat", absl::StrCat(shown_, "/", entry.path));
  }

  const std::string& shown_;
};

absl::Status RemoveDirectory(int directory, const std::string& name, const std::string& shown) {
  for (int round = 0; round < kRounds; ++round) {
    absl::StatusOr<FileDescriptor> child =
        OpenBelow(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, shown);
    if (absl::IsNotFound(child.status())) return absl::OkStatus();
    if (!child.ok()) return child.status();
    Remover remover(shown);
    if (absl::Status s = WalkTree(child->get(), shown, remover); !s.ok()) return s;
    if (unlinkat(directory, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) {
      return absl::OkStatus();
    }
    if (errno != ENOTEMPTY) return ErrnoStatus(errno, "unlinkat", shown);
  }
  return absl::AbortedError(absl::StrCat(
      shown, " is being written to faster than it can be removed; stop who writes there"));
}

}  // namespace

absl::Status RemoveBelow(int directory, const std::string& name, const std::string& shown) {
  absl::StatusOr<struct statx> info = StatEntry(directory, name, shown);
  if (absl::IsNotFound(info.status())) return absl::OkStatus();
  if (!info.ok()) return info.status();
  if (S_ISDIR(info->stx_mode)) return RemoveDirectory(directory, name, shown);
  if (unlinkat(directory, name.c_str(), 0) == 0 || errno == ENOENT) return absl::OkStatus();
  return ErrnoStatus(errno, "unlinkat", shown);
}

}  // namespace bpa::executor

#include "agent/executor/package/directory_cursor.h"

#include <fcntl.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/manifest.h"

namespace bpa::executor {

absl::StatusOr<EntryPlace> DirectoryCursor::Find(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return EntryPlace{root_, std::string(path)};
  const std::string_view parent = path.substr(0, slash);
  if (!current_.valid() || parent != current_path_) {
    absl::StatusOr<FileDescriptor> opened =
        OpenBelow(root_, std::string(parent), O_RDONLY | O_DIRECTORY | O_NOFOLLOW, Shown(parent));
    if (!opened.ok()) return opened.status();
    current_ = *std::move(opened);
    current_path_ = parent;
  }
  return EntryPlace{current_.get(), std::string(path.substr(slash + 1))};
}

std::string DirectoryCursor::Shown(std::string_view path) const {
  return path.empty() ? shown_ : absl::StrCat(shown_, "/", QuotedPath(path));
}

}  // namespace bpa::executor

// Trees on disk and the manifests made of them.
#ifndef BPA_TESTS_CONTROLLER_STAGING_SOURCE_SAMPLES_H_
#define BPA_TESTS_CONTROLLER_STAGING_SOURCE_SAMPLES_H_

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "controller/staging/manifest_maker.h"
#include "gtest/gtest.h"
#include "proto/manifest_reader.h"
#include "tests/proto/manifest_samples.h"
#include "tests/random_bytes.h"
#include "tests/status_matchers.h"
#include "tests/temporary_directory.h"

namespace bpa::testing {

inline std::unique_ptr<controller::SourceTree> OpenTree(const std::string& path) {
  return controller::SourceTree::Open(path).value();
}

inline controller::FileStamp StampOf(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
  return controller::FileStamp::Of(info);
}

// Everybody but root is refused what the mode refuses; while this lives, so are we.
class AsNobody {
 public:
  AsNobody() { EXPECT_EQ(seteuid(geteuid() == 0 ? 65534 : geteuid()), 0); }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;
  ~AsNobody() { EXPECT_EQ(seteuid(getuid()), 0); }
};

// By path.
using Items = std::map<std::string, ManifestItem>;

inline Items ReadItems(int fd) {
  Items items;
  const auto reader = ManifestReader::Open(fd).value();
  while (auto entry = reader->Next().value()) {
    ManifestItem item{.entry = *entry};
    while (auto segment = reader->NextSegment().value()) item.segments.push_back(*segment);
    items[entry->path] = item;
  }
  return items;
}

inline absl::StatusOr<Items> Make(const std::string& path,
                                  const controller::ManifestMaking& making = {}) {
  const auto tree = controller::SourceTree::Open(path);
  if (!tree.ok()) return tree.status();
  const MemoryFile file;
  const auto made = controller::MakeManifest(**tree, file.fd(), making);
  if (!made.ok()) return made.status();
  return ReadItems(file.fd());
}

}  // namespace bpa::testing

#endif  // BPA_TESTS_CONTROLLER_STAGING_SOURCE_SAMPLES_H_

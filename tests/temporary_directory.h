// A directory of a test's own, removed with all that is in it.
#ifndef BPA_TESTS_TEMPORARY_DIRECTORY_H_
#define BPA_TESTS_TEMPORARY_DIRECTORY_H_

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

#include "gtest/gtest.h"

namespace bpa::testing {

class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_(::testing::TempDir() + "/bpa.XXXXXX") {
    // mkdtemp: mode 0700 and owned by the caller, whatever the umask.
    EXPECT_NE(mkdtemp(path_.data()), nullptr);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

  // Returns the path.
  std::string Write(const std::string& name, std::string_view contents, mode_t mode = 0644) const {
    const std::string path = File(name);
    std::ofstream(path, std::ios::binary) << contents;
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }

 private:
  std::string path_;
};

}  // namespace bpa::testing

#endif  // BPA_TESTS_TEMPORARY_DIRECTORY_H_

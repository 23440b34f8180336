// A directory of one test's own.
#ifndef BPA_TESTS_AGENT_GATEWAY_SCRATCH_H_
#define BPA_TESTS_AGENT_GATEWAY_SCRATCH_H_

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "proto/trusted_file.h"

namespace bpa::gateway {

class Scratch {
 public:
  Scratch() {
    std::string pattern = std::filesystem::temp_directory_path() / "gateway.XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::string Path(std::string_view name) const { return path_ + "/" + std::string(name); }

  // Returns the path.
  std::string Write(std::string_view name, std::string_view contents, unsigned mode = 0600) const {
    if (!WriteFileDurably(Path(name), contents, mode).ok()) std::abort();
    return Path(name);
  }

 private:
  std::string path_;
};

}  // namespace bpa::gateway

#endif  // BPA_TESTS_AGENT_GATEWAY_SCRATCH_H_

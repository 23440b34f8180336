#include "agent/gateway/describe.h"

#include <sys/utsname.h>

#include <fstream>
#include <iterator>

#include "absl/strings/str_split.h"
#include "absl/time/clock.h"

namespace bpa::gateway {
namespace {

constexpr size_t kMaxOsReleaseBytes = size_t{16} * 1024;

std::string ReadOsRelease() {
  std::ifstream file("/etc/os-release", std::ios::binary);
  std::string text(kMaxOsReleaseBytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

}  // namespace

std::string PrettyName(std::string_view os_release) {
  constexpr std::string_view kKey = "PRETTY_NAME=";
  for (const absl::string_view line :
       absl::StrSplit(absl::string_view(os_release.data(), os_release.size()), '\n')) {
    std::string_view rest(line.data(), line.size());
    if (!rest.starts_with(kKey)) continue;
    rest.remove_prefix(kKey.size());
    if (rest.size() >= 2 && (rest.front() == '"' || rest.front() == '\'') &&
        rest.back() == rest.front()) {
      rest = rest.substr(1, rest.size() - 2);
    }
    return std::string(rest);
  }
  return "";
}

v1::DescribeResponse DescribeNode(const Config& config, absl::Time certificate_expires) {
  v1::DescribeResponse out;
  out.set_cluster(config.cluster);
  out.set_node(config.node);
  out.set_agent_version(BPA_VERSION);
  if (utsname names; uname(&names) == 0) {
    out.set_kernel_release(names.release);
    out.set_architecture(names.machine);
  }
  out.set_operating_system(PrettyName(ReadOsRelease()));
  for (const char* capability : {"sysctl", "directory", "reset", "volume", "package"}) {
    out.add_capabilities(capability);
  }
  out.set_certificate_expires_at_unix_millis(absl::ToUnixMillis(certificate_expires));
  // Last, so that the offset that the caller computes holds no file reading.
  out.set_now_unix_millis(absl::ToUnixMillis(absl::Now()));
  return out;
}

}  // namespace bpa::gateway

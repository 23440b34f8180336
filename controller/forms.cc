#include "controller/forms.h"

#include <arpa/inet.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "controller/cluster.h"
#include "proto/limits.h"

namespace bpa::controller {
namespace {

constexpr size_t kMaxLabelBytes = 63;

bool IsLowerOrDigit(char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c); }

bool IsLowerHex(char c) { return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f'); }

template <typename Predicate>
bool All(const std::string& text, Predicate predicate) {
  return std::all_of(text.begin(), text.end(), predicate);
}

bool IsDnsLabel(const std::string& label) {
  return !label.empty() && label.size() <= kMaxLabelBytes && IsLowerOrDigit(label.front()) &&
         IsLowerOrDigit(label.back()) &&
         All(label, [](char c) { return IsLowerOrDigit(c) || c == '-'; });
}

bool IsIpv4(const std::string& host) {
  in_addr address;
  return inet_pton(AF_INET, host.c_str(), &address) == 1;
}

bool IsIpv6(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

// Looks like a dotted quad: then it has to be one, not a host name of digits.
bool IsDotsAndDigits(const std::string& host) {
  return All(host, [](char c) { return absl::ascii_isdigit(c) || c == '.'; });
}

std::string HostProblem(const std::string& host) {
  if (host.empty()) return "has no host";
  if (IsDotsAndDigits(host)) return IsIpv4(host) ? "" : "is not an IPv4 address";
  if (!NameProblem(host).empty()) {
    return "is neither an IP address nor a host name in lower-case letters, digits, '-' and '.'";
  }
  return "";
}

struct HostAndPort {
  std::string host;
  std::string port;
  bool bracketed = false;
  bool has_port = false;
};

// Splits without judging, except that brackets must match.
absl::StatusOr<HostAndPort> SplitAddress(const std::string& address) {
  HostAndPort parts;
  std::string rest = address;
  if (!address.empty() && address.front() == '[') {
    const size_t end = address.find(']');
    if (end == std::string::npos) return absl::InvalidArgumentError("has '[' without ']'");
    parts.bracketed = true;
    parts.host = address.substr(1, end - 1);
    rest = address.substr(end + 1);
    if (!rest.empty() && rest.front() != ':') {
      return absl::InvalidArgumentError("has something other than ':PORT' after ']'");
    }
  } else {
    if (std::count(address.begin(), address.end(), ':') > 1) {
      return absl::InvalidArgumentError(
          "has several colons; write an IPv6 address in brackets, '[fd00::1]:7443'");
    }
    const size_t colon = std::min(address.find(':'), address.size());
    parts.host = address.substr(0, colon);
    rest = address.substr(colon);
  }
  parts.has_port = !rest.empty();
  if (parts.has_port) parts.port = rest.substr(1);
  return parts;
}

}  // namespace

std::string NameProblem(const std::string& name) {
  if (name.empty()) return "is empty";
  if (name.size() > kMaxNameBytes) {
    return absl::StrCat("is ", name.size(), " characters long; at most ", kMaxNameBytes);
  }
  const std::vector<std::string> labels = absl::StrSplit(name, '.');
  if (!std::all_of(labels.begin(), labels.end(), IsDnsLabel)) {
    return "may only hold lower-case letters, digits, '-' and '.', beginning and ending with a "
           "letter or digit";
  }
  return "";
}

std::string PathProblem(const std::string& path) {
  if (path.empty() || path.front() != '/') return "must be an absolute path";
  if (path == "/") return "must not be the root directory";
  if (std::string problem = TextProblem(path, kMaxPathBytes); !problem.empty()) return problem;
  const std::vector<std::string> components = absl::StrSplit(path.substr(1), '/');
  for (const std::string& component : components) {
    if (component.size() > kMaxPathComponentBytes) {
      return absl::StrCat("has a component of ", component.size(), " bytes; at most ",
                          kMaxPathComponentBytes);
    }
    if (component.empty()) return "must not hold '//' or end with '/'";
    if (component == "." || component == "..") {
      return absl::StrCat("must not hold a '", component, "' component");
    }
  }
  return "";
}

std::string VolumeIdProblem(const std::string& id) {
  constexpr std::string_view kPrefix = "vol-";
  constexpr char kForm[] =
      "is neither an EBS volume id ('vol-' and 8 or 17 lower-case hexadecimal digits) nor an "
      "absolute path beneath /dev";
  if (!id.starts_with(kPrefix)) return kForm;
  const std::string digits = id.substr(kPrefix.size());
  return (digits.size() == 8 || digits.size() == 17) && All(digits, IsLowerHex) ? "" : kForm;
}

std::string DevicePathProblem(const std::string& path) {
  std::string problem = PathProblem(path);
  if (!problem.empty()) return problem;
  return path.starts_with("/dev/") ? "" : "is not a device: it must lie beneath /dev";
}

std::string SysctlNameProblem(const std::string& name) {
  if (name.size() > kMaxNameBytes) {
    return absl::StrCat("is ", name.size(), " characters long; at most ", kMaxNameBytes);
  }
  const std::vector<std::string> parts = absl::StrSplit(name, '.');
  const auto is_part = [](const std::string& part) {
    return !part.empty() &&
           All(part, [](char c) { return absl::ascii_isalnum(c) || c == '_' || c == '-'; });
  };
  if (parts.size() < 2 || !std::all_of(parts.begin(), parts.end(), is_part)) {
    return "is not a sysctl's dotted name, such as 'vm.max_map_count'";
  }
  return "";
}

std::string SysctlValueProblem(const std::string& value) {
  if (value.empty()) return "is empty";
  if (value.front() == ' ' || value.back() == ' ' || value.find("  ") != std::string::npos) {
    return "must be words parted by single blanks";
  }
  return TextProblem(value, kMaxSysctlValueBytes);
}

std::string AccountProblem(const std::string& account) {
  const std::string name = account.substr(0, account.find_last_not_of('$') + 1);
  const auto is_fine = [](char c) {
    return absl::ascii_isalnum(c) || c == '_' || c == '-' || c == '.';
  };
  if (name.empty() || account.size() > kMaxAccountBytes || account.size() > name.size() + 1 ||
      name.front() == '-' || name.front() == '.' || !All(name, is_fine)) {
    return "is not the name or number of a user or group";
  }
  return "";
}

std::string UnitProblem(const std::string& unit) {
  // systemd.unit(5), without the backslash, which fstab would want escaped.
  static constexpr std::string_view kOtherCharacters = ":-_.@";
  const auto is_fine = [](char c) {
    return absl::ascii_isalnum(c) || kOtherCharacters.find(c) != std::string_view::npos;
  };
  if (unit.size() > 255 || !All(unit, is_fine) || unit.starts_with(".") ||
      !(unit.ends_with(".service") || unit.ends_with(".target"))) {
    return "is no service or target, such as kubelet.service";
  }
  return "";
}

std::string MountOptionsProblem(const std::string& options) {
  static constexpr std::string_view kOtherCharacters = "=.:_/@%+-,";
  if (options.size() > kMaxMountOptionsBytes) {
    return absl::StrCat("is ", options.size(), " bytes long; at most ", kMaxMountOptionsBytes);
  }
  const auto is_fine = [](char c) {
    return absl::ascii_isalnum(c) || kOtherCharacters.find(c) != std::string_view::npos;
  };
  if (!All(options, is_fine)) return "may only hold letters, digits and '=.:_/@%+-,'";
  const std::vector<std::string> items = absl::StrSplit(options, ',');
  for (const std::string& item : items) {
    if (item.empty()) return "has an empty option";
    if (item == "nofail" || item.starts_with("x-bpa.") ||
        item.starts_with("x-systemd.device-timeout=")) {
      return absl::StrCat("must not hold '", item, "': the agent writes it");
    }
  }
  return "";
}

std::string TextProblem(const std::string& text, size_t max_bytes) {
  if (text.size() > max_bytes) {
    return absl::StrCat("is ", text.size(), " bytes long; at most ", max_bytes);
  }
  if (!All(text, [](char c) { return !absl::ascii_iscntrl(c); })) {
    return "must not hold control characters";
  }
  return "";
}

absl::StatusOr<std::string> NormalAddress(const std::string& address) {
  absl::StatusOr<HostAndPort> parts = SplitAddress(address);
  if (!parts.ok()) return parts.status();
  if (parts->bracketed) {
    if (!IsIpv6(parts->host)) {
      return absl::InvalidArgumentError("holds no IPv6 address between its brackets");
    }
  } else if (const std::string problem = HostProblem(parts->host); !problem.empty()) {
    return absl::InvalidArgumentError(problem);
  }
  int port = kDefaultPort;
  const auto is_digit = [](char c) { return absl::ascii_isdigit(c); };
  if (parts->has_port && (!All(parts->port, is_digit) || !absl::SimpleAtoi(parts->port, &port) ||
                          port < 1 || port > 65535)) {
    return absl::InvalidArgumentError("has a port that is not a number from 1 to 65535");
  }
  return parts->bracketed ? absl::StrCat("[", parts->host, "]:", port)
                          : absl::StrCat(parts->host, ":", port);
}

std::string AddressHost(const std::string& normal_address) {
  const std::string host = normal_address.substr(0, normal_address.rfind(':'));
  return !host.empty() && host.front() == '[' ? host.substr(1, host.size() - 2) : host;
}

bool IsAtOrBeneath(const std::string& path, const std::string& directory) {
  return path == directory || path.starts_with(directory + "/");
}

}  // namespace bpa::controller

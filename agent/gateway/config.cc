#include "agent/gateway/config.h"

#include <sys/un.h>

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "proto/limits.h"
#include "proto/trusted_file.h"
#include "proto/yaml/strict_yaml.h"

namespace bpa::gateway {
namespace {

using yaml::Value;

constexpr int kMaxConnections = 4096;
// Below the ephemeral ports, and none of those that EKS nodes use.
constexpr char kDefaultMetricsListen[] = "127.0.0.1:7444";
constexpr char kOff[] = "off";

absl::Status ReadName(const Value& document, std::string_view key, std::string& out) {
  const absl::StatusOr<Value> value = document.Get(key);
  if (!value.ok()) return value.status();
  const absl::StatusOr<std::string> text = value->String();
  if (!text.ok()) return text.status();
  const bool plain = std::all_of(text->begin(), text->end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
  });
  if (text->empty() || text->size() > kMaxNameBytes || !plain) {
    return value->Error("expected a name of letters, digits, '.', '_' and '-'");
  }
  out = *text;
  return absl::OkStatus();
}

absl::Status ReadPath(const Value& section, std::string_view key, size_t max_bytes,
                      std::string& out) {
  const std::optional<Value> value = section.Find(key);
  if (!value) return absl::OkStatus();
  const absl::StatusOr<std::string> text = value->String();
  if (!text.ok()) return text.status();
  if (text->empty() || text->front() != '/' || text->find('\0') != std::string::npos) {
    return value->Error("expected an absolute path");
  }
  if (text->size() > max_bytes) {
    return value->Error(absl::StrCat("expected a path of at most ", max_bytes, " bytes"));
  }
  out = *text;
  return absl::OkStatus();
}

absl::Status ReadAddress(const Value& value, SocketAddress& out) {
  const absl::StatusOr<std::string> text = value.String();
  if (!text.ok()) return text.status();
  const absl::StatusOr<SocketAddress> address = ParseSocketAddress(*text);
  if (!address.ok()) return value.Error(std::string(address.status().message()));
  out = *address;
  return absl::OkStatus();
}

absl::Status ReadListen(const Value& section, SocketAddress& out) {
  const std::optional<Value> value = section.Find("listen");
  return value ? ReadAddress(*value, out) : absl::OkStatus();
}

bool IsOff(const Value& value) {
  const absl::StatusOr<std::string> text = value.String();
  return text.ok() && *text == kOff;
}

absl::Status ReadHealth(const Value& section, Config& config) {
  if (const std::optional<Value> value = section.Find("metrics_listen")) {
    config.metrics_listen.reset();
    if (!IsOff(*value)) {
      absl::Status s = ReadAddress(*value, config.metrics_listen.emplace());
      if (!s.ok()) return s;
    }
  }
  if (const std::optional<Value> value = section.Find("drift_interval")) {
    config.drift_interval = absl::InfiniteDuration();
    if (!IsOff(*value)) {
      const absl::StatusOr<absl::Duration> interval =
          value->Duration(absl::Seconds(1), absl::Hours(24));
      if (!interval.ok()) return interval.status();
      config.drift_interval = *interval;
    }
  }
  if (const std::optional<Value> value = section.Find("reflection")) {
    const absl::StatusOr<bool> reflection = value->Bool();
    if (!reflection.ok()) return reflection.status();
    config.reflection = *reflection;
  }
  return absl::OkStatus();
}

absl::Status ReadLimits(const Value& section, Config& config) {
  if (const std::optional<Value> value = section.Find("max_connections")) {
    const absl::StatusOr<int64_t> count = value->Int(1, kMaxConnections);
    if (!count.ok()) return count.status();
    config.max_connections = static_cast<int>(*count);
  }
  if (const std::optional<Value> value = section.Find("command_timeout")) {
    const absl::StatusOr<absl::Duration> timeout =
        value->Duration(absl::Seconds(1), absl::Hours(24));
    if (!timeout.ok()) return timeout.status();
    config.command_timeout = *timeout;
  }
  return absl::OkStatus();
}

absl::Status ReadGateway(const Value& section, Config& config) {
  absl::Status status = section.ExpectKeys({"listen", "ca", "certificate", "key", "executor_socket",
                                            "max_connections", "command_timeout", "metrics_listen",
                                            "drift_interval", "reflection"});
  status.Update(ReadListen(section, config.listen));
  status.Update(ReadPath(section, "ca", kMaxPathBytes, config.ca));
  status.Update(ReadPath(section, "certificate", kMaxPathBytes, config.certificate));
  status.Update(ReadPath(section, "key", kMaxPathBytes, config.key));
  status.Update(ReadPath(section, "executor_socket", sizeof(sockaddr_un::sun_path) - 1,
                         config.executor_socket));
  status.Update(ReadLimits(section, config));
  status.Update(ReadHealth(section, config));
  return status;
}

}  // namespace

absl::StatusOr<Config> ParseConfig(std::string_view text, std::string_view file_name) {
  const absl::StatusOr<Value> document = yaml::Parse(text, file_name);
  if (!document.ok()) return document.status();
  absl::Status status = document->ExpectKeys({"cluster", "node", "gateway", "executor", "policy"});
  if (!status.ok()) return status;
  Config config{.listen = *ParseSocketAddress("0.0.0.0:7443"),
                .metrics_listen = *ParseSocketAddress(kDefaultMetricsListen)};
  status.Update(ReadName(*document, "cluster", config.cluster));
  status.Update(ReadName(*document, "node", config.node));
  if (const std::optional<Value> section = document->Find("gateway"); section && status.ok()) {
    status.Update(ReadGateway(*section, config));
  }
  if (!status.ok()) return status;
  return config;
}

absl::StatusOr<Config> LoadConfig(const std::string& path) {
  const absl::StatusOr<std::string> text =
      ReadTrustedFile(path, yaml::kMaxDocumentBytes, FileSecrecy::kPublic);
  if (!text.ok()) return text.status();
  return ParseConfig(*text, path);
}

}  // namespace bpa::gateway

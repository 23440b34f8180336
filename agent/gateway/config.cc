#include "agent/gateway/config.h"

#include <optional>

#include "proto/trusted_file.h"
#include "proto/yaml/strict_yaml.h"

namespace bpa::gateway {
namespace {

using yaml::Value;

constexpr int kMostConnections = 4096;

absl::Status ReadString(const Value& section, std::string_view key, std::string& out) {
  const std::optional<Value> value = section.Find(key);
  if (!value) return absl::OkStatus();
  absl::StatusOr<std::string> text = value->String();
  if (!text.ok()) return text.status();
  if (text->empty()) return value->Error("is empty");
  out = *std::move(text);
  return absl::OkStatus();
}

absl::Status ReadPath(const Value& section, std::string_view key, std::string& out) {
  if (absl::Status s = ReadString(section, key, out); !s.ok()) return s;
  if (out.starts_with('/')) return absl::OkStatus();
  return section.Find(key)->Error("is not an absolute path");
}

absl::Status ReadLimits(const Value& section, Config& config) {
  if (const auto value = section.Find("max_connections")) {
    const auto count = value->Int(1, kMostConnections);
    if (!count.ok()) return count.status();
    config.max_connections = static_cast<int>(*count);
  }
  if (const auto value = section.Find("command_timeout")) {
    const auto timeout = value->Duration(absl::Seconds(1), absl::Hours(24));
    if (!timeout.ok()) return timeout.status();
    config.command_timeout = *timeout;
  }
  return absl::OkStatus();
}

absl::Status ReadSection(const Value& section, Config& config) {
  absl::Status s = section.ExpectKeys({"listen", "ca", "certificate", "key", "executor_socket",
                                       "max_connections", "command_timeout"});
  if (!s.ok()) return s;
  if (s = ReadString(section, "listen", config.listen); !s.ok()) return s;
  if (s = ReadPath(section, "ca", config.ca); !s.ok()) return s;
  if (s = ReadPath(section, "certificate", config.certificate); !s.ok()) return s;
  if (s = ReadPath(section, "key", config.key); !s.ok()) return s;
  if (s = ReadPath(section, "executor_socket", config.executor_socket); !s.ok()) return s;
  return ReadLimits(section, config);
}

absl::Status ReadName(const Value& document, std::string_view key, std::string& out) {
  const absl::StatusOr<Value> value = document.Get(key);
  if (!value.ok()) return value.status();
  return ReadString(document, key, out);
}

}  // namespace

absl::StatusOr<Config> ParseConfig(std::string_view text, std::string_view file_name) {
  const absl::StatusOr<Value> document = yaml::Parse(text, file_name);
  if (!document.ok()) return document.status();
  absl::Status s = document->ExpectKeys({"cluster", "node", "gateway", "executor", "policy"});
  if (!s.ok()) return s;
  Config config;
  if (s = ReadName(*document, "cluster", config.cluster); !s.ok()) return s;
  if (s = ReadName(*document, "node", config.node); !s.ok()) return s;
  if (const auto section = document->Find("gateway")) {
    if (s = ReadSection(*section, config); !s.ok()) return s;
  }
  return config;
}

absl::StatusOr<Config> LoadConfig(const std::string& path) {
  const auto text = ReadTrustedFile(path, yaml::kMaxDocumentBytes, FileSecrecy::kPublic);
  if (!text.ok()) return text.status();
  return ParseConfig(*text, path);
}

}  // namespace bpa::gateway

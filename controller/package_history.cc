#include "controller/package_history.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bpa/v1/report.pb.h"
#include "proto/envelope.h"
#include "proto/trusted_file.h"

namespace bpa::controller {
namespace {

// Ids begin with their time: newest first.
std::vector<std::string> CommandDirectories(const Home& home) {
  std::vector<std::string> directories;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(home.path() + "/commands", error), end;
       !error && entry != end; entry.increment(error)) {
    directories.push_back(entry->path());
  }
  std::sort(directories.begin(), directories.end(), std::greater<>());
  return directories;
}

// The home's own files were verified before they were kept; one that cannot be read is passed over.
template <typename Message>
std::optional<Message> ReadPayload(const std::string& path) {
  const auto bytes = ReadTrustedFile(path, kMaxEnvelopeBytes, FileSecrecy::kPublic);
  if (!bytes.ok()) return std::nullopt;
  const absl::StatusOr<Envelope> envelope = DecodeEnvelope(*bytes);
  Message message;
  if (!envelope.ok() || !message.ParseFromString(envelope->payload)) return std::nullopt;
  return message;
}

// What `command` wanted at `destination` of `node`.
const v1::Package* Wanted(const v1::Command& command, const std::string& node,
                          const std::string& destination) {
  for (const v1::Target& target : command.targets()) {
    if (target.node() != node) continue;
    for (const v1::Role& role : command.roles()) {
      if (role.name() != target.role()) continue;
      for (const v1::Package& package : role.packages()) {
        if (package.destination() == destination) return &package;
      }
    }
  }
  return nullptr;
}

bool Stands(const v1::Report& report, const std::string& destination) {
  return std::any_of(report.resources().begin(), report.resources().end(),
                     [&destination](const v1::ResourceResult& resource) {
                       return resource.kind() == v1::RESOURCE_KIND_PACKAGE &&
                              resource.name() == destination &&
                              (resource.status() == v1::RESOURCE_STATUS_CHANGED ||
                               resource.status() == v1::RESOURCE_STATUS_UNCHANGED);
                     });
}

struct Known {
  std::string current;  // digest; empty: nothing found yet
  std::optional<v1::Package> previous;
};

void Note(const std::string& directory, const v1::Command& command, const std::string& destination,
          const std::string& node, Known* known) {
  if (known->previous.has_value()) return;
  const v1::Package* wanted = Wanted(command, node, destination);
  if (wanted == nullptr || wanted->manifest_sha256() == known->current) return;
  const auto report = ReadPayload<v1::Report>(absl::StrCat(directory, "/", node, ".report.dsse"));
  if (!report.has_value() || !Stands(*report, destination)) return;
  if (known->current.empty()) {
    known->current = wanted->manifest_sha256();
  } else {
    known->previous = *wanted;
  }
}

}  // namespace

absl::StatusOr<v1::Package> PreviousPackage(const Home& home, const std::vector<Node>& nodes,
                                            const std::string& destination) {
  std::vector<Known> known(nodes.size());
  const auto complete = [](const Known& node) { return node.previous.has_value(); };
  for (const std::string& directory : CommandDirectories(home)) {
    if (std::all_of(known.begin(), known.end(), complete)) break;
    const auto command = ReadPayload<v1::Command>(directory + "/command.dsse");
    if (!command.has_value() || command->mode() != v1::MODE_APPLY) continue;
    for (size_t i = 0; i < nodes.size(); ++i) {
      Note(directory, *command, destination, nodes[i].name, &known[i]);
    }
  }
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (!known[i].previous.has_value()) {
      return absl::NotFoundError(absl::StrCat("node '", nodes[i].name, "': no earlier package at ",
                                              destination, " is known in ", home.path(),
                                              ": to publish one, stage its directory"));
    }
    if (known[i].previous->manifest_sha256() != known[0].previous->manifest_sha256()) {
      return absl::FailedPreconditionError(
          absl::StrCat("nodes '", nodes[0].name, "' and '", nodes[i].name,
                       "' had different packages before: roll them back one by one"));
    }
  }
  if (nodes.empty()) return absl::InvalidArgumentError("no node is selected");
  return *known[0].previous;
}

}  // namespace bpa::controller

#include "controller/nodes_import.h"

#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <fstream>
#include <istream>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "controller/cluster.h"
#include "controller/home.h"
#include "controller/output_json.h"
#include "proto/trusted_file.h"
#include "proto/yaml/strict_yaml.h"

namespace bpa::controller {
namespace {

// One byte more than allowed tells that there was too much.
std::string ReadCapped(std::istream& in) {
  std::string text(kMaxNodeListBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(in.gcount()));
  return text;
}

absl::StatusOr<std::string> ReadInput(const GlobalOptions& global, const std::string& file) {
  if (file == "-") return ReadCapped(global.in);
  std::ifstream in(file, std::ios::binary);
  if (!in) return ErrnoStatus(errno, "open", file);
  return ReadCapped(in);
}

absl::StatusOr<ImportResult> Import(const GlobalOptions& global, const std::string& file,
                                    const std::string& cluster_path) {
  const absl::StatusOr<std::string> input = ReadInput(global, file);
  if (!input.ok()) return input.status();
  const absl::StatusOr<std::vector<ImportedNode>> nodes = ParseNodeList(*input);
  if (!nodes.ok()) return nodes.status();
  const absl::StatusOr<std::string> before =
      ReadTrustedFile(cluster_path, yaml::kMaxDocumentBytes, FileSecrecy::kPublic);
  if (absl::IsNotFound(before.status())) {
    return absl::NotFoundError(
        absl::StrCat(cluster_path, " does not exist: run `bpactl init --cluster NAME` first"));
  }
  if (!before.ok()) return before.status();
  absl::StatusOr<ImportResult> result = AddNodes(*before, cluster_path, *nodes);
  if (!result.ok() || result->added.empty()) return result;
  struct stat info;
  if (stat(cluster_path.c_str(), &info) != 0) return ErrnoStatus(errno, "stat", cluster_path);
  const absl::Status written = WriteFileDurably(cluster_path, result->text, info.st_mode & 0777);
  if (!written.ok()) return written;
  return result;
}

int RunImport(const GlobalOptions& global, const std::string& file) {
  const std::string path = Home::Locate(global.home).cluster_path();
  const absl::StatusOr<ImportResult> result = Import(global, file, path);
  if (!result.ok()) return ReportError(global, result.status());
  const absl::Status complete = ParseCluster(result->text, path).status();
  if (global.json()) {
    nlohmann::ordered_json document = {{"added", result->added}, {"present", result->present}};
    if (!complete.ok()) document["to_complete"] = std::string(complete.message());
    global.out << ToText(document);
    return kExitConverged;
  }
  for (const std::string& name : result->added) global.out << "added " << name << "\n";
  for (const std::string& name : result->present) global.out << name << " was there\n";
  if (!complete.ok()) {
    global.out << "\nTo be completed in " << path << ":\n  " << complete.message() << "\n";
  }
  return kExitConverged;
}

}  // namespace

void RegisterNodesImport(CLI::App& nodes_verb, const GlobalOptions& global, int* exit_code) {
  CLI::App* verb =
      nodes_verb.add_subcommand("import",
                                "Add the nodes that Kubernetes knows to cluster.yaml:\n"
                                "kubectl get nodes -o json | bpactl nodes import");
  auto file = std::make_shared<std::string>("-");
  verb->add_option("FILE", *file, "What kubectl printed; default: standard input")->type_name("");
  verb->callback([&global, exit_code, file] { *exit_code = RunImport(global, *file); });
}

}  // namespace bpa::controller

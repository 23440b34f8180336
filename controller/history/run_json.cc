#include "controller/history/run_json.h"

#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "controller/output_json.h"

namespace bpa::controller {
namespace {

using Json = nlohmann::ordered_json;

Json TimeOrNull(absl::Time time) {
  return time == absl::InfinitePast() ? Json(nullptr) : Json(Rfc3339(absl::ToUnixMillis(time)));
}

Json NodeAsJson(const NodeRun& node) {
  return {{"node", node.node},
          {"role", node.role},
          {"state", node.state},
          {"outcome", node.outcome},
          {"code", node.code},
          {"message", node.message},
          {"sent_at", TimeOrNull(node.sent_at)},
          {"elapsed_seconds", Seconds(node.elapsed)},
          {"counts", CountsAsJson(node.counts)}};
}

}  // namespace

Json RunAsJson(const Run& run) {
  Json nodes = Json::array();
  for (const NodeRun& node : run.nodes) nodes.push_back(NodeAsJson(node));
  return {{"id", run.id},
          {"verb", run.verb},
          {"mode", run.mode},
          {"reset", run.reset},
          {"cluster", run.cluster},
          {"operator", run.operator_name},
          {"reason", run.reason},
          {"signers", run.signers},
          {"command_sha256", absl::BytesToHexString(run.command_sha256)},
          {"issued_at", TimeOrNull(run.issued_at)},
          {"started_at", TimeOrNull(run.started_at)},
          {"finished_at", TimeOrNull(run.finished_at)},
          {"result", ResultWord(run)},
          {"exit_code", run.finished() ? Json(run.exit_code) : Json(nullptr)},
          {"sendings", run.sendings},
          {"nodes", std::move(nodes)}};
}

}  // namespace bpa::controller

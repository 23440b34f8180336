#include "controller/audit.h"

#include <openssl/rand.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/fleet_request.h"
#include "controller/session.h"
#include "proto/trusted_file.h"

namespace bpa::controller {
namespace {

// What is kept of a record to be shown; a node says as much as it likes.
constexpr size_t kMaxShownBytes = size_t{64} * 1024 * 1024;
constexpr absl::Duration kTimeout = absl::Minutes(2);
// As GetAuditRequest has it.
constexpr size_t kNonceBytes = 32;

struct AuditRequest {
  std::string node;
  uint64_t since = 1;
  bool made_anew = false;
};

absl::StatusOr<std::string> NewNonce() {
  std::string nonce(kNonceBytes, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(nonce.data()), static_cast<int>(nonce.size())) !=
      1) {
    return absl::InternalError("RAND_bytes: the system has no randomness");
  }
  return nonce;
}

// What was verified before, unless the operator knows that the record has begun anew.
absl::Status Remember(const Home& home, const AuditRequest& request, const Verifier& pinned,
                      AuditQuestion* question) {
  if (request.made_anew) return absl::OkStatus();
  const absl::StatusOr<v1::AuditHead> head = ReadAuditHead(home, *question, pinned);
  if (absl::IsNotFound(head.status())) return absl::OkStatus();
  if (!head.ok()) {
    return absl::Status(
        head.status().code(),
        absl::StrCat(head.status().message(),
                     ". It was kept when this node's record was last verified. If the node was "
                     "installed anew since, begin anew with --made-anew"));
  }
  absl::StatusOr<AuditPoint> point = AuditPointOf(head->sequence(), head->chain_sha256());
  if (!point.ok()) return point.status();
  question->remembered = *point;
  // What was verified before need not be fetched again, unless it is asked for.
  if (request.since > point->sequence) question->first_sequence = point->sequence + 1;
  return absl::OkStatus();
}

absl::StatusOr<AuditListing> Fetch(const Session& session, const AuditRequest& request) {
  const Node& node = session.nodes().front();
  absl::StatusOr<ClientIdentity> identity = session.home().ReadClientIdentity();
  if (!identity.ok()) return identity.status();
  absl::StatusOr<PublicKey> key = session.home().ReadReportKey(node.name);
  if (!key.ok()) return key.status();
  std::vector<TrustedSigner> signers;
  signers.push_back({node.name, *std::move(key)});
  const Verifier pinned(std::move(signers));
  absl::StatusOr<std::string> nonce = NewNonce();
  if (!nonce.ok()) return nonce.status();
  AuditQuestion question{
      .cluster = session.cluster().name, .node = node.name, .nonce = *std::move(nonce)};
  if (absl::Status status = Remember(session.home(), request, pinned, &question); !status.ok()) {
    return status;
  }
  AuditListing listing{.node = node.name, .remembered = question.remembered};
  size_t bytes = 0;
  const auto keep = [&](uint64_t sequence, const v1::AuditRecord& record) {
    bytes += record.ByteSizeLong() + sizeof(v1::AuditRecord);
    if (sequence >= request.since && bytes <= kMaxShownBytes) {
      listing.entries.emplace_back(sequence, record);
    }
  };
  absl::StatusOr<AuditAnswer> answer =
      FetchAudit(node, *identity, question, pinned, keep, kTimeout);
  if (!answer.ok()) return answer.status();
  listing.answer = *std::move(answer);
  if (bytes > kMaxShownBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the record of ", node.name,
                     " is too long to be shown whole: ask for less with --since-sequence"));
  }
  return listing;
}

absl::Status KeepHead(const Home& home, const AuditListing& listing, bool made_anew) {
  if (!listing.answer.verdict.ok()) return absl::OkStatus();
  if (made_anew) {
    const std::string path = absl::StrCat(home.path(), "/nodes/", listing.node, "/audit-head.dsse");
    // There may be none.
    (void)std::rename(path.c_str(), (path + ".old").c_str());
  }
  return SaveAuditHead(home, listing.node, listing.answer.head_envelope);
}

std::string Verdict(const AuditListing& listing) {
  const AuditAnswer& answer = listing.answer;
  if (!answer.verdict.ok()) {
    return absl::StrCat(
        listing.node, ": NOT VERIFIED: ", Printable(std::string(answer.verdict.message()), 4),
        listing.entries.empty() ? "" : ". What is listed is what the node says", "\n");
  }
  const v1::AuditHead& head = answer.head;
  if (head.sequence() == 0) {
    return absl::StrCat(listing.node, ": verified: its record is empty\n");
  }
  std::string text = absl::StrCat(listing.node, ": verified: the record is whole up to entry ",
                                  head.sequence(), ", signed by the node just now");
  if (listing.remembered.has_value()) {
    absl::StrAppend(&text, ", and goes on from entry ", listing.remembered->sequence,
                    ", where it was verified before");
  }
  if (head.first_sequence() > 1) {
    absl::StrAppend(&text, "; the node has dropped what is older than entry ",
                    head.first_sequence());
  }
  return text + "\n";
}

int RunAudit(const GlobalOptions& global, const AuditRequest& request) {
  absl::StatusOr<Session> session = Session::Open(global, {request.node});
  if (!session.ok()) return ReportError(global, session.status());
  const absl::StatusOr<AuditListing> listing = Fetch(*session, request);
  if (!listing.ok()) {
    (void)ReportError(global, listing.status());
    if (absl::IsUnavailable(listing.status()) || absl::IsDeadlineExceeded(listing.status())) {
      return kExitUnreachable;
    }
    return kExitFailed;
  }
  const int exit_code = listing->answer.verdict.ok() ? kExitConverged : kExitFailed;
  if (absl::Status kept = KeepHead(session->home(), *listing, request.made_anew); !kept.ok()) {
    return ReportError(global, kept);
  }
  if (global.json()) {
    global.out << AuditAsJson(*listing, exit_code) << std::flush;
    return exit_code;
  }
  global.out << RenderAudit(*listing, global.columns, global.color) << std::flush;
  (exit_code == kExitConverged ? global.out : global.err) << Verdict(*listing) << std::flush;
  return exit_code;
}

}  // namespace

void RegisterAudit(CLI::App& app, const GlobalOptions& global, int* exit_code) {
  CLI::App* verb = app.add_subcommand(
      "audit",
      "Fetch a node's own record of every command, refusals included, and verify it: hash chain,\n"
      "signed head, and that it holds what was verified before. Exits with 3 and names the first\n"
      "broken link when it does not.");
  auto request = std::make_shared<AuditRequest>();
  verb->add_option("NODE", request->node, "The node")->required()->type_name("");
  verb->add_option("--since-sequence", request->since,
                   "Show the entries from this number on (default: all that the node has)")
      ->check(CLI::PositiveNumber.description(""))
      ->type_name("N");
  verb->add_flag("--made-anew", request->made_anew,
                 "The node was installed anew: do not compare with what was verified before");
  verb->callback([request, &global, exit_code] { *exit_code = RunAudit(global, *request); });
}

}  // namespace bpa::controller

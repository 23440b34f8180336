#include "controller/audit_record.h"

#include <grpcpp/client_context.h>

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bpa/v1/agent_service.grpc.pb.h"
#include "controller/channel.h"
#include "proto/envelope.h"
#include "proto/trusted_file.h"
#include "proto/verifier.h"

namespace bpa::controller {
namespace {

constexpr unsigned kHeadMode = 0600;

std::string HeadPath(const Home& home, const std::string& node) {
  return absl::StrCat(home.path(), "/nodes/", node, "/audit-head.dsse");
}

// Of this node of this cluster, signed by `pinned`; whatever it answers.
absl::StatusOr<v1::AuditHead> VerifiedHead(std::string_view envelope, const AuditQuestion& question,
                                           const Verifier& pinned) {
  absl::StatusOr<Envelope> decoded = DecodeEnvelope(envelope);
  if (!decoded.ok()) return decoded.status();
  absl::StatusOr<VerifiedPayload> payload = pinned.Verify(*decoded, kAuditHeadPayloadType, 1);
  if (!payload.ok()) return payload.status();
  v1::AuditHead head;
  if (!head.ParseFromString(payload->bytes())) {
    return absl::InvalidArgumentError("the signed payload is not the head of an audit record");
  }
  if (head.cluster() != question.cluster || head.node() != question.node) {
    return absl::InvalidArgumentError(
        absl::StrCat("the signed head is of node \"", head.node(), "\" of cluster \"",
                     head.cluster(), "\", not of \"", question.node, "\" of \"", question.cluster,
                     "\": something between here and the node mixes up answers"));
  }
  return head;
}

AuditPoint Beginning(const AuditQuestion& question) {
  if (question.first_sequence > 1) return *question.remembered;
  return AuditChainStart(question.cluster, question.node);
}

absl::Status Ended(const grpc::Status& status, const Node& node) {
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    return absl::UnimplementedError(
        absl::StrCat(node.name, ": its agent keeps no audit record yet: upgrade it"));
  }
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      absl::StrCat("no answer from ", node.address, " (", status.error_message(),
                                   "): check that bpa-gateway runs there and its port is open"));
}

}  // namespace

AuditReader::AuditReader(AuditQuestion question, const Verifier& pinned, Visitor visit)
    : question_(std::move(question)),
      pinned_(pinned),
      visit_(std::move(visit)),
      chain_(Beginning(question_), question_.remembered) {}

bool AuditReader::Take(const v1::AuditPage& page) {
  for (const v1::AuditEntry& entry : page.entries()) {
    if (broken_.ok()) broken_ = TakeEntry(entry);
  }
  return broken_.ok();
}

absl::Status AuditReader::TakeEntry(const v1::AuditEntry& entry) {
  absl::Status chained = chain_.Add(entry.sequence(), entry.record(), entry.chain_sha256());
  if (!chained.ok()) return chained;
  v1::AuditRecord record;
  if (!record.ParseFromString(entry.record())) {
    return absl::DataLossError(
        absl::StrCat("entry ", entry.sequence(), " is chained, but is no audit record"));
  }
  ++entries_;
  visit_(entry.sequence(), record);
  return absl::OkStatus();
}

AuditAnswer AuditReader::Finish(std::string_view head_envelope) {
  AuditAnswer answer{.verdict = broken_, .entries = entries_};
  if (!answer.verdict.ok()) return answer;
  absl::StatusOr<v1::AuditHead> head = CheckHead(head_envelope);
  answer.verdict = head.status();
  if (!head.ok()) return answer;
  answer.head = *std::move(head);
  answer.head_envelope = head_envelope;
  absl::StatusOr<AuditPoint> newest =
      AuditPointOf(answer.head.sequence(), answer.head.chain_sha256());
  // What the oldest entry is chained to is the entry before it.
  absl::StatusOr<AuditPoint> before =
      AuditPointOf(answer.head.first_sequence() - (answer.head.first_sequence() > 0 ? 1 : 0),
                   answer.head.first_previous_sha256());
  if (!newest.ok()) {
    answer.verdict = newest.status();
  } else if (!before.ok()) {
    answer.verdict = before.status();
  } else {
    answer.verdict = chain_.Finish(*newest, *before);
  }
  return answer;
}

absl::StatusOr<v1::AuditHead> AuditReader::CheckHead(std::string_view envelope) const {
  absl::StatusOr<v1::AuditHead> head = VerifiedHead(envelope, question_, pinned_);
  if (!head.ok()) {
    return absl::Status(head.status().code(),
                        absl::StrCat("the head of the record: ", head.status().message()));
  }
  if (head->nonce() != question_.nonce) {
    return absl::InvalidArgumentError(
        "the head of the record was signed for another question: it is an old one, which would "
        "hide what came after it");
  }
  return head;
}

absl::StatusOr<AuditAnswer> FetchAudit(const Node& node, const ClientIdentity& identity,
                                       const AuditQuestion& question, const Verifier& pinned,
                                       const AuditReader::Visitor& visit, absl::Duration timeout) {
  const Dialer dialer(identity);
  const std::unique_ptr<v1::AgentService::Stub> stub =
      v1::AgentService::NewStub(dialer.Dial(node, timeout));
  grpc::ClientContext rpc;
  rpc.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  v1::GetAuditRequest request;
  request.set_first_sequence(question.first_sequence);
  request.set_nonce(question.nonce);
  AuditReader reader(question, pinned, visit);
  const auto stream = stub->GetAudit(&rpc, request);
  v1::GetAuditResponse message;
  std::string head;
  bool wanted = true;
  while (wanted && stream->Read(&message)) {
    // After the head there is nothing to come.
    if (!head.empty()) wanted = false;
    if (message.has_page()) wanted = wanted && reader.Take(message.page());
    if (message.has_head_envelope()) head = std::move(*message.mutable_head_envelope());
  }
  if (!wanted) rpc.TryCancel();
  const grpc::Status status = stream->Finish();
  if (wanted && !status.ok()) return Ended(status, node);
  if (wanted && head.empty()) {
    return absl::UnavailableError(
        absl::StrCat("the answer from ", node.address, " ended before its signed head: try again"));
  }
  return reader.Finish(head);
}

absl::StatusOr<v1::AuditHead> ReadAuditHead(const Home& home, const AuditQuestion& question,
                                            const Verifier& pinned) {
  const std::string path = HeadPath(home, question.node);
  absl::StatusOr<std::string> envelope =
      ReadTrustedFile(path, kMaxEnvelopeBytes, FileSecrecy::kPublic);
  if (!envelope.ok()) return envelope.status();
  absl::StatusOr<v1::AuditHead> head = VerifiedHead(*envelope, question, pinned);
  if (head.ok()) return head;
  return absl::UnauthenticatedError(absl::StrCat(path, ": ", head.status().message()));
}

absl::Status SaveAuditHead(const Home& home, const std::string& node, std::string_view envelope) {
  return WriteFileDurably(HeadPath(home, node), envelope, kHeadMode);
}

}  // namespace bpa::controller

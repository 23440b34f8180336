// `bpactl audit` against a node that keeps its record, and one that tampers with it in every way.
#include "controller/audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "controller/audit_record.h"
#include "proto/audit_chain.h"
#include "proto/envelope.h"
#include "tests/controller/fake_node.h"
#include "tests/controller/run_bpactl.h"

namespace bpa::controller {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

std::string Bytes(const Sha256& digest) { return {digest.begin(), digest.end()}; }

v1::AuditRecord Record(int number) {
  v1::AuditRecord record;
  record.set_at_unix_millis(1'700'000'000'000 + number);
  record.set_command_id(absl::StrCat("018bcfe5-6880-7000-8000-00000000000", number));
  record.set_event(v1::AUDIT_EVENT_ENDED);
  record.set_mode(v1::MODE_APPLY);
  record.set_outcome(v1::OUTCOME_SUCCEEDED);
  record.set_operator_name("alice@bastion");
  record.set_reason(absl::StrCat("CHG-", number));
  record.add_signers("bastion");
  return record;
}

// What a node has and says: an honest one says what it has.
struct SaidRecord {
  std::vector<v1::AuditEntry> entries;
  AuditPoint head;
  AuditPoint before_first;
};

SaidRecord Honest(int entries, const std::string& first_reason = "CHG-1") {
  SaidRecord said{.head = AuditChainStart("bpa-test", "node-1")};
  said.before_first = said.head;
  for (int i = 1; i <= entries; ++i) {
    v1::AuditRecord record = Record(i);
    if (i == 1) record.set_reason(first_reason);
    v1::AuditEntry& entry = said.entries.emplace_back();
    entry.set_record(record.SerializeAsString());
    said.head = AuditChainNext(said.head, entry.record());
    entry.set_sequence(said.head.sequence);
    entry.set_chain_sha256(Bytes(said.head.chain));
  }
  return said;
}

class AuditTest : public testing::Test {
 protected:
  AuditTest() { Say(Honest(3)); }

  void Say(SaidRecord said) {
    fleet_[0].Audit([this, said](FakeNode& node, const v1::GetAuditRequest& request,
                                 grpc::ServerWriter<v1::GetAuditResponse>* stream) {
      last_request_ = request;
      for (const v1::AuditEntry& entry : said.entries) {
        if (entry.sequence() < request.first_sequence()) continue;
        v1::GetAuditResponse page;
        *page.mutable_page()->add_entries() = entry;
        stream->Write(page);
      }
      v1::GetAuditResponse last;
      last.set_head_envelope(head_envelope_.empty()
                                 ? node.Sign(kAuditHeadPayloadType, Head(said, request), key_.get())
                                 : head_envelope_);
      last_head_ = last.head_envelope();
      stream->Write(last);
      return grpc::Status::OK;
    });
  }

  static std::string Head(const SaidRecord& said, const v1::GetAuditRequest& request) {
    v1::AuditHead head;
    head.set_cluster("bpa-test");
    head.set_node("node-1");
    head.set_sequence(said.head.sequence);
    head.set_chain_sha256(Bytes(said.head.chain));
    head.set_first_sequence(said.before_first.sequence + 1);
    head.set_first_previous_sha256(Bytes(said.before_first.chain));
    head.set_nonce(request.nonce());
    head.set_now_unix_millis(1'700'000'000'000);
    return head.SerializeAsString();
  }

  Ran Audit(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"--home", fleet_.home().path(), "audit", "node-1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Bpactl(arguments);
  }

  // Not verified, for this reason, and the head that was kept stays.
  void ExpectBroken(const std::string& why, std::vector<std::string> more = {}) {
    const std::string path = fleet_.home().path() + "/nodes/node-1/audit-head.dsse";
    const bool kept = std::filesystem::exists(path);
    const std::string before = kept ? ReadFile(path) : "";
    const Ran ran = Audit(std::move(more));
    EXPECT_EQ(ran.exit_code, kExitFailed);
    EXPECT_THAT(ran.err, AllOf(HasSubstr("node-1: NOT VERIFIED: "), HasSubstr(why)));
    EXPECT_EQ(std::filesystem::exists(path) ? ReadFile(path) : "", before);
  }

  std::unique_ptr<PrivateKey> key_;  // null: the node's own
  std::string head_envelope_;        // sent in place of a fresh one
  std::string last_head_;
  v1::GetAuditRequest last_request_;
  // Ends first: a call whose client has left may still be at the above.
  FakeFleet fleet_{1};
};

TEST_F(AuditTest, VerifiesAndShowsTheWholeRecord) {
  const Ran ran = Audit();
  EXPECT_EQ(ran.exit_code, kExitConverged) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("1      2023-11-14 22:13:20  018bcfe5-6880  apply  succeeded"
                                       "  alice@bastion  bastion  CHG-1\n"),
                             HasSubstr("CHG-3\n"),
                             HasSubstr("node-1: verified: the record is whole up to entry 3")));
  const json document = json::parse(Audit({"--output", "json"}).out);
  EXPECT_EQ(document["verified"], true);
  EXPECT_EQ(document["head"]["sequence"], 3);
  EXPECT_EQ(document["entries"][2]["reason"], "CHG-3");
  EXPECT_EQ(document["entries"][2]["event"], "ended");
}

TEST_F(AuditTest, SaysWhyCommandsWereRefused) {
  SaidRecord said = Honest(0);
  v1::AuditRecord record = Record(1);
  record.set_event(v1::AUDIT_EVENT_REFUSED);
  record.clear_outcome();
  record.set_refusal(v1::REFUSAL_REASON_POLICY);
  record.set_message("policy says\x1b[2J no");
  record.set_refusals(40);
  v1::AuditEntry& entry = said.entries.emplace_back();
  entry.set_record(record.SerializeAsString());
  said.head = AuditChainNext(said.head, entry.record());
  entry.set_sequence(1);
  entry.set_chain_sha256(Bytes(said.head.chain));
  Say(said);
  EXPECT_THAT(Audit().out, HasSubstr("refused: policy x40  alice@bastion  bastion  CHG-1; refused: "
                                     "policy says\\x1b[2J no\n"));
}

TEST_F(AuditTest, AnEmptyRecordIsWhole) {
  Say(Honest(0));
  EXPECT_THAT(Audit().out, HasSubstr("its record is empty"));
}

TEST_F(AuditTest, GoesOnFromWhatWasVerifiedBefore) {
  Audit();
  Say(Honest(5));
  const Ran ran = Audit({"--since-sequence", "4"});
  EXPECT_EQ(ran.exit_code, kExitConverged) << ran.err;
  EXPECT_EQ(last_request_.first_sequence(), 4u);
  EXPECT_THAT(ran.out, AllOf(HasSubstr("CHG-5"), Not(HasSubstr("CHG-3\n")),
                             HasSubstr("goes on from entry 3, where it was verified before")));
  // Nothing new, and what was verified before shown again.
  EXPECT_THAT(Audit({"--since-sequence", "2"}).out, AllOf(HasSubstr("CHG-2"), HasSubstr("CHG-5")));
  EXPECT_EQ(Audit({"--since-sequence", "9"}).exit_code, kExitConverged);
}

TEST_F(AuditTest, VerifiesARecordWhoseOldestEntriesTheNodeHasDropped) {
  SaidRecord said = Honest(5);
  said.before_first = *AuditPointOf(2, said.entries[1].chain_sha256());
  said.entries.erase(said.entries.begin(), said.entries.begin() + 2);
  Say(said);
  const Ran ran = Audit();
  EXPECT_EQ(ran.exit_code, kExitConverged) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("has dropped what is older than entry 3"));
}

TEST_F(AuditTest, NamesAnEntryThatWasChanged) {
  SaidRecord said = Honest(3);
  said.entries[1].set_record(Record(7).SerializeAsString());
  Say(said);
  ExpectBroken("entry 2");
}

TEST_F(AuditTest, NamesAnEntryThatWasDropped) {
  SaidRecord said = Honest(3);
  said.entries.erase(said.entries.begin() + 1);
  Say(said);
  ExpectBroken("entry 2");
}

TEST_F(AuditTest, NamesAnEntryThatWasInserted) {
  SaidRecord said = Honest(3);
  said.entries.insert(said.entries.begin() + 1, said.entries[1]);
  Say(said);
  ExpectBroken("entry 2 comes where entry 3 is expected");
}

TEST_F(AuditTest, NamesEntriesInAnotherOrder) {
  SaidRecord said = Honest(3);
  std::swap(said.entries[1], said.entries[2]);
  Say(said);
  ExpectBroken("entry 2");
}

TEST_F(AuditTest, NamesAnEndThatIsMissing) {
  SaidRecord said = Honest(3);
  said.entries.pop_back();
  Say(said);
  ExpectBroken("entry 3");
}

TEST_F(AuditTest, DoesNotBelieveAHeadSignedByAnotherKey) {
  key_ = std::make_unique<PrivateKey>(*PrivateKey::GenerateEd25519());
  ExpectBroken("the head of the record: ");
}

TEST_F(AuditTest, DoesNotBelieveAnOldHeadThatIsPlayedAgain) {
  Audit();
  head_envelope_ = last_head_;
  ExpectBroken("it is an old one");
}

TEST_F(AuditTest, SeesARecordThatWasCutShortSinceItWasVerified) {
  Audit();
  Say(Honest(2));
  ExpectBroken("there was an entry 3");
  ExpectBroken("there was an entry 3", {"--since-sequence", "4"});
}

TEST_F(AuditTest, SeesARecordThatWasMadeAnewSinceItWasVerified) {
  Audit();
  Say(Honest(5, "CHG-X"));
  ExpectBroken("entry 3 is another than when this node's record was verified before");
  ExpectBroken("", {"--since-sequence", "4"});
}

TEST_F(AuditTest, ANodeThatWasInstalledAnewBeginsAnewWhenTheOperatorSaysSo) {
  Audit();
  Say(Honest(2, "CHG-X"));
  EXPECT_EQ(Audit().exit_code, kExitFailed);
  EXPECT_EQ(Audit({"--made-anew"}).exit_code, kExitConverged);
  EXPECT_EQ(Audit().exit_code, kExitConverged);
  EXPECT_TRUE(std::filesystem::exists(fleet_.home().path() + "/nodes/node-1/audit-head.dsse.old"));
}

TEST_F(AuditTest, DoesNotTrustAKeptHeadThatWasChanged) {
  Audit();
  const std::string path = fleet_.home().path() + "/nodes/node-1/audit-head.dsse";
  std::string head = ReadFile(path);
  head[head.size() - 1] = static_cast<char>(head[head.size() - 1] ^ 1);
  WriteFile(path, head);
  const Ran ran = Audit();
  EXPECT_EQ(ran.exit_code, kExitFailed);
  EXPECT_THAT(ran.err, AllOf(HasSubstr(path), HasSubstr("--made-anew")));
}

TEST_F(AuditTest, UnreachableIsToldFromBroken) {
  fleet_[0].Audit(
      [](FakeNode&, const v1::GetAuditRequest&, grpc::ServerWriter<v1::GetAuditResponse>*) {
        return grpc::Status(grpc::StatusCode::UNAVAILABLE, "the executor does not answer");
      });
  EXPECT_EQ(Audit().exit_code, kExitUnreachable);
  fleet_[0].Audit([](FakeNode&, const v1::GetAuditRequest&,
                     grpc::ServerWriter<v1::GetAuditResponse>*) { return grpc::Status::OK; });
  EXPECT_EQ(Audit().exit_code, kExitUnreachable);
  fleet_[0].Audit(
      [](FakeNode&, const v1::GetAuditRequest&, grpc::ServerWriter<v1::GetAuditResponse>*) {
        return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "");
      });
  const Ran old = Audit();
  EXPECT_EQ(old.exit_code, kExitFailed);
  EXPECT_THAT(old.err, HasSubstr("upgrade it"));
}

}  // namespace
}  // namespace bpa::controller

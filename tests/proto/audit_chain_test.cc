#include "proto/audit_chain.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "tests/proto/testdata.h"
#include "tests/status_matchers.h"

namespace bpa {
namespace {

using ::testing::HasSubstr;

std::string_view Bytes(const Sha256& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string Hex(const AuditPoint& point) {
  return absl::BytesToHexString(std::string(Bytes(point.chain)));
}

struct Entry {
  AuditPoint point;
  std::string record;
};

// A node's record of `count` entries; that with number n is at n - 1.
std::vector<Entry> Record(uint64_t count, std::string_view node = "node-1") {
  std::vector<Entry> entries;
  AuditPoint last = AuditChainStart("prod", node);
  for (uint64_t n = 1; n <= count; ++n) {
    const std::string record = absl::StrCat("record ", n);
    last = AuditChainNext(last, record);
    entries.push_back({last, record});
  }
  return entries;
}

AuditPoint Start() { return AuditChainStart("prod", "node-1"); }

// Adds all of them, and compares with `head` if none was refused.
absl::Status Verify(AuditChainVerifier verifier, const std::vector<Entry>& entries,
                    const AuditPoint& head, const AuditPoint& before_first = Start()) {
  for (const Entry& entry : entries) {
    absl::Status s = verifier.Add(entry.point.sequence, entry.record, Bytes(entry.point.chain));
    if (!s.ok()) return s;
  }
  return verifier.Finish(head, before_first);
}

absl::Status VerifyWhole(const std::vector<Entry>& entries, const AuditPoint& head) {
  return Verify(AuditChainVerifier(Start()), entries, head);
}

MATCHER_P(IsBroken, why, "") {
  return absl::IsDataLoss(arg) &&
         ::testing::ExplainMatchResult(HasSubstr(why), arg.message(), result_listener);
}

TEST(AuditChainTest, FitsTheGoldenVectors) {
  const std::string text = testing::Testdata("audit_chain.hex");
  const std::vector<std::string> golden = absl::StrSplit(text, '\n', absl::SkipEmpty());
  ASSERT_EQ(golden.size(), 3u);
  AuditPoint point = AuditChainStart("prod", "node-1");
  EXPECT_EQ(Hex(point), golden[0]);
  point = AuditChainNext(point, "the first record");
  EXPECT_EQ(Hex(point), golden[1]);
  point = AuditChainNext(point, "");
  EXPECT_EQ(Hex(point), golden[2]);
  EXPECT_EQ(point.sequence, 2u);
}

TEST(AuditChainTest, KeepsClusterAndNodeApart) {
  EXPECT_NE(AuditChainStart("ab", "c").chain, AuditChainStart("a", "bc").chain);
}

TEST(AuditChainTest, VerifiesARecordFromItsStart) {
  const std::vector<Entry> entries = Record(5);
  EXPECT_THAT(VerifyWhole(entries, entries.back().point), testing::IsOk());
}

TEST(AuditChainTest, VerifiesAnEmptyRecord) {
  EXPECT_THAT(VerifyWhole({}, Start()), testing::IsOk());
}

TEST(AuditChainTest, GoesOnFromAPlaceThatWasVerifiedBefore) {
  const std::vector<Entry> entries = Record(5);
  EXPECT_THAT(
      Verify(AuditChainVerifier(entries[2].point), {entries[3], entries[4]}, entries[4].point),
      testing::IsOk());
  EXPECT_THAT(Verify(AuditChainVerifier(entries[4].point), {}, entries[4].point), testing::IsOk());
}

TEST(AuditChainTest, VerifiesWhatIsLeftWhenTheOldestWereDropped) {
  const std::vector<Entry> entries = Record(5);
  EXPECT_THAT(Verify(AuditChainVerifier(Start()), {entries[3], entries[4]}, entries[4].point,
                     entries[2].point),
              testing::IsOk());
}

TEST(AuditChainTest, NamesTheEntryThatWasAltered) {
  std::vector<Entry> entries = Record(5);
  entries[2].record = "another record";
  EXPECT_THAT(VerifyWhole(entries, entries.back().point),
              IsBroken("entry 3 is not chained to entry 2"));
}

TEST(AuditChainTest, NamesTheFirstEntryWhenTheChainIsAnotherNodes) {
  const std::vector<Entry> entries = Record(2, "node-2");
  EXPECT_THAT(VerifyWhole(entries, entries.back().point),
              IsBroken("entry 1 is not chained to the start of this node's record"));
}

TEST(AuditChainTest, NamesTheEntriesThatAreMissing) {
  const std::vector<Entry> all = Record(6);
  EXPECT_THAT(VerifyWhole({all[0], all[2]}, all[2].point), IsBroken("entry 2 is missing"));
  EXPECT_THAT(VerifyWhole({all[0], all[4]}, all[4].point), IsBroken("entries 2 to 4 are missing"));
  EXPECT_THAT(VerifyWhole({all[2], all[3]}, all[3].point),
              IsBroken("entries 1 to 2 are missing, though the node says that it has them"));
  EXPECT_THAT(VerifyWhole({all[0], all[1]}, all[5].point), IsBroken("entries 3 to 6 are missing"));
  EXPECT_THAT(VerifyWhole({}, all[0].point), IsBroken("entry 1 is missing"));
}

TEST(AuditChainTest, RefusesAnEntryOutOfOrder) {
  const std::vector<Entry> all = Record(3);
  EXPECT_THAT(VerifyWhole({all[0], all[1], all[1]}, all[1].point),
              IsBroken("entry 2 comes where entry 3 is expected"));
}

TEST(AuditChainTest, RefusesAHashOfAnotherLength) {
  AuditChainVerifier verifier(Start());
  EXPECT_THAT(verifier.Add(1, "record", "short"), IsBroken("5 bytes long, not 32"));
  EXPECT_THAT(verifier.Add(1, "record", std::string(33, 'x')), IsBroken("5 bytes long, not 32"))
      << "the first break is the one that counts";
}

TEST(AuditChainTest, RefusesARecordThatWasMadeAnew) {
  const std::vector<Entry> old = Record(3);
  std::vector<Entry> anew;
  AuditPoint last = Start();
  for (int n = 0; n < 4; ++n) {
    last = AuditChainNext(last, "nothing happened");
    anew.push_back({last, "nothing happened"});
  }
  EXPECT_THAT(Verify(AuditChainVerifier(Start(), old[2].point), anew, last),
              IsBroken("entry 3 is another than when this node's record was verified before"));
  EXPECT_THAT(Verify(AuditChainVerifier(Start(), old[2].point), {anew[0]}, anew[0].point),
              IsBroken("ends with entry 1, but there was an entry 3"));
  EXPECT_THAT(Verify(AuditChainVerifier(Start(), old[2].point), Record(4), Record(4)[3].point),
              testing::IsOk());
}

TEST(AuditChainTest, ComparesWhatTheOldestEntryFollowsWithWhatIsRemembered) {
  const std::vector<Entry> all = Record(3);
  std::vector<Entry> kept = {all[2]};
  EXPECT_THAT(Verify(AuditChainVerifier(Start(), all[1].point), kept, all[2].point, all[1].point),
              testing::IsOk());
  AuditPoint other = all[1].point;
  other.chain[0] ^= 1;
  kept[0].point = AuditChainNext(other, kept[0].record);
  EXPECT_THAT(Verify(AuditChainVerifier(Start(), all[1].point), kept, kept[0].point, other),
              IsBroken("entry 2 is another than when"));
}

TEST(AuditChainTest, RefusesAFirstEntryThatItsPredecessorsHashDoesNotFit) {
  const std::vector<Entry> all = Record(5);
  std::vector<Entry> kept = {all[3], all[4]};
  kept[0].record = "another record";
  EXPECT_THAT(Verify(AuditChainVerifier(Start()), kept, all[4].point, all[2].point),
              IsBroken("entry 4 is not chained to entry 3"));
  EXPECT_THAT(Verify(AuditChainVerifier(Start()), {all[3], all[4]}, all[4].point, all[3].point),
              IsBroken("entry 4 is there, though the node says that entry 5 is its oldest"));
}

TEST(AuditChainTest, RefusesAHeadThatIsNotTheLastEntrys) {
  const std::vector<Entry> all = Record(2);
  AuditPoint head = all[1].point;
  head.chain[31] ^= 1;
  EXPECT_THAT(VerifyWhole(all, head), IsBroken("entry 2 is another than the one whose hash the "
                                               "node has signed"));
  EXPECT_THAT(VerifyWhole(all, all[0].point), IsBroken("ends with entry 1"));
}

}  // namespace
}  // namespace bpa

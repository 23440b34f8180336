#include "proto/verifier.h"

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "tests/proto/testdata.h"
#include "tests/status_matchers.h"

namespace bpa {
namespace {

using ::bpa::testing::IsOk;
using ::bpa::testing::StatusIs;
using ::bpa::testing::Testdata;
using ::bpa::testing::TestPrivateKey;
using ::bpa::testing::TestPublicKey;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Nothing but Verifier makes one.
static_assert(!std::is_default_constructible_v<VerifiedPayload>);
static_assert(!std::is_constructible_v<VerifiedPayload, std::string>);
static_assert(!std::is_constructible_v<VerifiedPayload, std::string, std::vector<std::string>>);
static_assert(!std::is_constructible_v<VerifiedPayload, Envelope>);

EnvelopeSignature SignatureBy(const PrivateKey& key, const Envelope& envelope) {
  const std::string message = PreAuthenticationEncoding(envelope.payload_type, envelope.payload);
  return {.key_id = key.public_key().id(), .signature = key.Sign(message).value()};
}

Envelope SignedBy(const std::vector<const PrivateKey*>& keys) {
  Envelope envelope{.payload_type = std::string(kCommandPayloadType), .payload = "payload"};
  for (const PrivateKey* key : keys) envelope.signatures.push_back(SignatureBy(*key, envelope));
  return envelope;
}

auto Unauthenticated(const std::string& message) {
  return StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr(message));
}

class VerifierTest : public ::testing::Test {
 protected:
  static PublicKey Public(const PrivateKey& key) {
    return PublicKey::FromPem(key.public_key().ToPem()).value();
  }

  Verifier TrustingAliceAndBob() const {
    std::vector<TrustedSigner> signers;
    signers.push_back({.name = "bob", .key = Public(bob_)});
    signers.push_back({.name = "alice", .key = Public(alice_)});
    return Verifier(std::move(signers));
  }

  const PrivateKey alice_ = PrivateKey::GenerateEd25519().value();
  const PrivateKey bob_ = PrivateKey::GenerateEcdsaP256().value();
  const PrivateKey mallory_ = PrivateKey::GenerateEd25519().value();
  const Verifier verifier_ = TrustingAliceAndBob();
};

TEST_F(VerifierTest, PassesThePayloadAndNamesTheSigners) {
  const auto one = verifier_.Verify(SignedBy({&alice_}), kCommandPayloadType, 1);
  ASSERT_THAT(one, IsOk());
  EXPECT_EQ(one->bytes(), "payload");
  EXPECT_THAT(one->signers(), ElementsAre("alice"));
  const auto both = verifier_.Verify(SignedBy({&bob_, &alice_}), kCommandPayloadType, 2);
  ASSERT_THAT(both, IsOk());
  EXPECT_THAT(both->signers(), ElementsAre("alice", "bob"));
}

TEST_F(VerifierTest, AcceptsWhatTheOpensslProgramSigned) {
  std::vector<TrustedSigner> signers;
  signers.push_back({.name = "ed25519", .key = TestPublicKey("ed25519_test")});
  signers.push_back({.name = "p256", .key = TestPublicKey("p256_test")});
  const Verifier verifier(std::move(signers));
  const auto verify = [&](const std::string& file, int threshold) {
    return verifier.Verify(DecodeEnvelope(Testdata(file)).value(), kCommandPayloadType, threshold);
  };
  EXPECT_THAT(verify("envelope_ed25519.bin", 1)->signers(), ElementsAre("ed25519"));
  EXPECT_THAT(verify("envelope_p256.bin", 1)->signers(), ElementsAre("p256"));
  EXPECT_THAT(verify("envelope_both.bin", 2)->signers(), ElementsAre("ed25519", "p256"));
  EXPECT_THAT(verify("envelope_unsigned.bin", 1), Unauthenticated("carries no signature"));
}

TEST_F(VerifierTest, SignsAsTheOpensslProgramDoes) {
  // Ed25519 is deterministic: the same key and payload make the same envelope.
  const PrivateKey key = TestPrivateKey("ed25519_test");
  Envelope envelope = DecodeEnvelope(Testdata("envelope_unsigned.bin")).value();
  envelope.signatures.push_back(SignatureBy(key, envelope));
  EXPECT_EQ(EncodeEnvelope(envelope).value(), Testdata("envelope_ed25519.bin"));
}

TEST_F(VerifierTest, RefusesAnUnsignedEnvelope) {
  EXPECT_THAT(verifier_.Verify(SignedBy({}), kCommandPayloadType, 1),
              Unauthenticated("carries no signature"));
}

TEST_F(VerifierTest, RefusesAnUnknownKeyAndNamesWhoIsTrusted) {
  EXPECT_THAT(
      verifier_.Verify(SignedBy({&mallory_}), kCommandPayloadType, 1),
      Unauthenticated("none of the 1 signatures is by a trusted signer (trusted: alice, bob)"));
}

TEST_F(VerifierTest, RefusesEverythingWhenNobodyIsTrusted) {
  const Verifier nobody{std::vector<TrustedSigner>{}};
  EXPECT_THAT(nobody.Verify(SignedBy({&alice_}), kCommandPayloadType, 1),
              Unauthenticated("no signer is trusted here: put the signer's public key"));
  EXPECT_THAT(nobody.Verify(SignedBy({}), kCommandPayloadType, 1),
              Unauthenticated("no signer is trusted here"));
}

TEST_F(VerifierTest, RefusesAnAlteredPayloadAndSaysWhoseSignatureDoesNotFit) {
  Envelope envelope = SignedBy({&alice_});
  envelope.payload += "!";
  EXPECT_THAT(verifier_.Verify(envelope, kCommandPayloadType, 1),
              Unauthenticated("alice's key " + alice_.public_key().id()));
}

TEST_F(VerifierTest, RefusesAnyBitFlippedInThePayloadOrASignature) {
  const Envelope good = SignedBy({&alice_});
  for (size_t bit = 0; bit < good.payload.size() * 8; ++bit) {
    Envelope bad = good;
    bad.payload[bit / 8] = static_cast<char>(bad.payload[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(verifier_.Verify(bad, kCommandPayloadType, 1).ok()) << "payload bit " << bit;
  }
  for (size_t bit = 0; bit < good.signatures[0].signature.size() * 8; ++bit) {
    Envelope bad = good;
    std::string& signature = bad.signatures[0].signature;
    signature[bit / 8] = static_cast<char>(signature[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(verifier_.Verify(bad, kCommandPayloadType, 1).ok()) << "signature bit " << bit;
  }
}

TEST_F(VerifierTest, RefusesAnotherTypeThanExpected) {
  EXPECT_THAT(verifier_.Verify(SignedBy({&alice_}), kReportPayloadType, 1),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("vnd.bpa.command"), HasSubstr("vnd.bpa.report"))));
}

TEST_F(VerifierTest, RefusesASignatureMadeForAnotherType) {
  Envelope envelope{.payload_type = std::string(kReportPayloadType), .payload = "payload"};
  envelope.signatures.push_back(SignatureBy(alice_, envelope));
  envelope.payload_type = std::string(kCommandPayloadType);
  EXPECT_THAT(verifier_.Verify(envelope, kCommandPayloadType, 1), Unauthenticated("altered"));
}

TEST_F(VerifierTest, RefusesASignatureOverTheBarePayload) {
  Envelope envelope = SignedBy({});
  envelope.signatures.push_back({"", alice_.Sign(envelope.payload).value()});
  EXPECT_THAT(verifier_.Verify(envelope, kCommandPayloadType, 1), Unauthenticated("none of the 1"));
}

TEST_F(VerifierTest, CountsKeysAndNotSignatures) {
  Envelope envelope = SignedBy({&alice_, &alice_});
  EXPECT_THAT(verifier_.Verify(envelope, kCommandPayloadType, 1)->signers(), ElementsAre("alice"));
  EXPECT_THAT(verifier_.Verify(envelope, kCommandPayloadType, 2),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       "signed by 1 trusted signer (alice), but 2 are needed"));
}

TEST_F(VerifierTest, CountsOneKeyOnceThoughItsSignaturesDiffer) {
  // ECDSA signatures are randomized; the hint differs as well.
  Envelope envelope = SignedBy({&bob_, &bob_});
  envelope.signatures[1].key_id = "another";
  ASSERT_NE(envelope.signatures[0], envelope.signatures[1]);
  EXPECT_THAT(verifier_.Verify(envelope, kCommandPayloadType, 2),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("1 trusted signer (bob)")));
}

TEST_F(VerifierTest, CountsAKeyWithTwoNamesOnce) {
  std::vector<TrustedSigner> signers;
  signers.push_back({.name = "root", .key = Public(alice_)});
  signers.push_back({.name = "alice", .key = Public(alice_)});
  const Verifier verifier(std::move(signers));
  EXPECT_THAT(verifier.Verify(SignedBy({&alice_, &alice_}), kCommandPayloadType, 2),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("1 trusted signer (alice)")));
}

TEST_F(VerifierTest, CountsTwoKeysOfOneNameTwice) {
  std::vector<TrustedSigner> signers;
  signers.push_back({.name = "same", .key = Public(alice_)});
  signers.push_back({.name = "same", .key = Public(bob_)});
  const Verifier verifier(std::move(signers));
  EXPECT_THAT(verifier.Verify(SignedBy({&alice_, &bob_}), kCommandPayloadType, 2), IsOk());
}

TEST_F(VerifierTest, CountsOnlyTrustedSignersTowardsTheThreshold) {
  EXPECT_THAT(verifier_.Verify(SignedBy({&alice_, &mallory_}), kCommandPayloadType, 2),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("1 trusted signer (alice)")));
  EXPECT_THAT(verifier_.Verify(SignedBy({&mallory_, &alice_}), kCommandPayloadType, 1), IsOk());
  EXPECT_THAT(verifier_.Verify(SignedBy({&alice_, &bob_}), kCommandPayloadType, 3),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       "signed by 2 trusted signers (alice, bob), but 3 are needed"));
}

TEST_F(VerifierTest, NeverDecidesByTheKeyId) {
  Envelope envelope = SignedBy({&alice_, &bob_});
  std::swap(envelope.signatures[0].key_id, envelope.signatures[1].key_id);
  EXPECT_THAT(verifier_.Verify(envelope, kCommandPayloadType, 2), IsOk());
  for (EnvelopeSignature& signature : envelope.signatures) signature.key_id = "";
  EXPECT_THAT(verifier_.Verify(envelope, kCommandPayloadType, 2), IsOk());
  // A stranger who names a trusted key is still a stranger.
  Envelope forged = SignedBy({&mallory_});
  forged.signatures[0].key_id = alice_.public_key().id();
  EXPECT_FALSE(verifier_.Verify(forged, kCommandPayloadType, 1).ok());
}

TEST_F(VerifierTest, RefusesAThresholdThatWouldTrustEverybody) {
  for (const int threshold : {0, -1}) {
    EXPECT_THAT(verifier_.Verify(SignedBy({}), kCommandPayloadType, threshold),
                StatusIs(absl::StatusCode::kInternal, HasSubstr("threshold")));
  }
}

TEST_F(VerifierTest, RefusesMoreSignaturesThanAnEnvelopeCanHold) {
  Envelope envelope = SignedBy({&alice_});
  envelope.signatures.resize(kMaxSignatures, envelope.signatures[0]);
  EXPECT_THAT(verifier_.Verify(envelope, kCommandPayloadType, 1), IsOk());
  envelope.signatures.resize(kMaxSignatures + 1, envelope.signatures[0]);
  EXPECT_THAT(verifier_.Verify(envelope, kCommandPayloadType, 1),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("9 signatures")));
}

}  // namespace
}  // namespace bpa

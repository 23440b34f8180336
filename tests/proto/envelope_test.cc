#include "proto/envelope.h"

#include <string>

#include "tests/proto/testdata.h"
#include "tests/status_matchers.h"

namespace bpa {
namespace {

using ::bpa::testing::IsOk;
using ::bpa::testing::StatusIs;
using ::bpa::testing::Testdata;
using ::testing::HasSubstr;

Envelope LargestEnvelope() {
  Envelope envelope{.payload_type = std::string(kMaxPayloadTypeBytes, 't'),
                    .payload = std::string(kMaxPayloadBytes, 'p')};
  for (size_t i = 0; i < kMaxSignatures; ++i) {
    envelope.signatures.push_back({.key_id = std::string(kMaxKeyIdBytes, 'k'),
                                   .signature = std::string(kMaxSignatureBytes, 's')});
  }
  return envelope;
}

Envelope SmallEnvelope() {
  return {.payload_type = "type",
          .payload = "payload",
          .signatures = {{.key_id = "key", .signature = "signature"},
                         {.key_id = "", .signature = "another"}}};
}

TEST(EnvelopeTest, EncodesTheVectorOfTheDsseSpecification) {
  EXPECT_EQ(PreAuthenticationEncoding("http://example.com/HelloWorld", "hello world"),
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
}

TEST(EnvelopeTest, CountsBytesAndNotCharactersInThePreAuthenticationEncoding) {
  EXPECT_EQ(PreAuthenticationEncoding("ü", std::string("\0 ", 2)),
            "DSSEv1 2 ü 2 " + std::string("\0 ", 2));
}

TEST(EnvelopeTest, EncodesEveryByteAsTheProtocolSays) {
  const Envelope envelope{
      .payload_type = "ab", .payload = "xyz", .signatures = {{.key_id = "k", .signature = "ss"}}};
  EXPECT_EQ(EncodeEnvelope(envelope).value(), std::string("BPAE\x01\x01\x02"
                                                          "ab\x00\x00\x00\x03"
                                                          "xyz\x01"
                                                          "k\x02"
                                                          "ss",
                                                          21));
}

TEST(EnvelopeTest, DecodesAndEncodesEveryGoldenVector) {
  for (const char* name : {"envelope_unsigned.bin", "envelope_ed25519.bin", "envelope_p256.bin",
                           "envelope_both.bin"}) {
    const std::string bytes = Testdata(name);
    const auto envelope = DecodeEnvelope(bytes);
    ASSERT_THAT(envelope, IsOk()) << name;
    EXPECT_EQ(envelope->payload_type, kCommandPayloadType);
    EXPECT_EQ(envelope->payload, "hello world");
    EXPECT_EQ(EncodeEnvelope(*envelope).value(), bytes) << name;
  }
  EXPECT_EQ(DecodeEnvelope(Testdata("envelope_unsigned.bin"))->signatures.size(), 0u);
  EXPECT_EQ(DecodeEnvelope(Testdata("envelope_both.bin"))->signatures.size(), 2u);
}

TEST(EnvelopeTest, TakesEveryFieldAtItsLimit) {
  const Envelope envelope = LargestEnvelope();
  const auto bytes = EncodeEnvelope(envelope);
  ASSERT_THAT(bytes, IsOk());
  EXPECT_EQ(bytes->size(), kMaxEnvelopeBytes);
  EXPECT_EQ(DecodeEnvelope(*bytes).value(), envelope);
}

TEST(EnvelopeTest, TakesTheSmallestEnvelope) {
  const Envelope envelope{.payload_type = "t", .payload = "", .signatures = {{"", "s"}}};
  EXPECT_EQ(DecodeEnvelope(EncodeEnvelope(envelope).value()).value(), envelope);
}

TEST(EnvelopeTest, EncodesNothingOverALimit) {
  const auto refused = [](const std::string& message) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message));
  };
  Envelope envelope = SmallEnvelope();
  envelope.payload_type = "";
  EXPECT_THAT(EncodeEnvelope(envelope), refused("payload type is 0 bytes long"));
  envelope = SmallEnvelope();
  envelope.payload_type = std::string(kMaxPayloadTypeBytes + 1, 't');
  EXPECT_THAT(EncodeEnvelope(envelope), refused("payload type is 129 bytes long"));
  envelope = SmallEnvelope();
  envelope.payload = std::string(kMaxPayloadBytes + 1, 'p');
  EXPECT_THAT(EncodeEnvelope(envelope), refused("payload is 262145 bytes long"));
  envelope = SmallEnvelope();
  envelope.signatures.resize(kMaxSignatures + 1, envelope.signatures[0]);
  EXPECT_THAT(EncodeEnvelope(envelope), refused("9 signatures"));
  envelope = SmallEnvelope();
  envelope.signatures[0].key_id = std::string(kMaxKeyIdBytes + 1, 'k');
  EXPECT_THAT(EncodeEnvelope(envelope), refused("key id is 65 bytes long"));
  envelope = SmallEnvelope();
  envelope.signatures[0].signature = "";
  EXPECT_THAT(EncodeEnvelope(envelope), refused("signature is 0 bytes long"));
  envelope.signatures[0].signature = std::string(kMaxSignatureBytes + 1, 's');
  EXPECT_THAT(EncodeEnvelope(envelope), refused("signature is 161 bytes long"));
}

TEST(EnvelopeTest, RefusesEveryTruncation) {
  const std::string bytes = EncodeEnvelope(SmallEnvelope()).value();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(DecodeEnvelope(bytes.substr(0, size)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("truncated")))
        << size;
  }
}

TEST(EnvelopeTest, RefusesOneByteTooMany) {
  const std::string bytes = EncodeEnvelope(SmallEnvelope()).value();
  EXPECT_THAT(DecodeEnvelope(bytes + '\0'),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("1 bytes too many, from offset " + std::to_string(bytes.size()))));
}

struct BadHeader {
  const char* what;
  size_t offset;
  char byte;
  const char* message;
};

TEST(EnvelopeTest, RefusesABadHeaderByNameAndOffset) {
  const BadHeader table[] = {
      {"another magic", 0, 'b', "magic at offset 0"},
      {"version 0", 4, 0, "version 0 at offset 4"},
      {"version 2", 4, 2, "version 2 at offset 4"},
      {"nine signatures", 5, 9, "signature count at offset 5 is 9, allowed are 0 to 8"},
      {"no type", 6, 0, "payload type length at offset 6 is 0, allowed are 1 to 128"},
      {"a type of 129 bytes", 6, '\x81', "payload type length at offset 6 is 129"},
      {"a payload of 256 KiB and more", 12, 5, "payload length at offset 11 is 327687"},
      {"a key id of 65 bytes", 22, 65, "signature 1's key id length at offset 22 is 65"},
      {"an empty signature", 26, 0, "signature 1 length at offset 26 is 0, allowed are 1 to 160"},
      {"a signature of 161 bytes", 26, '\xA1', "signature 1 length at offset 26 is 161"},
  };
  const std::string good = EncodeEnvelope(SmallEnvelope()).value();
  ASSERT_THAT(DecodeEnvelope(good), IsOk());
  for (const BadHeader& bad : table) {
    std::string bytes = good;
    bytes[bad.offset] = bad.byte;
    EXPECT_THAT(DecodeEnvelope(bytes),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(bad.message)))
        << bad.what;
  }
}

TEST(EnvelopeTest, RefusesAPayloadLengthOneOverTheLimitBeforeItIsThere) {
  std::string bytes("BPAE\x01\x00\x01t\x00\x04\x00\x01", 12);
  EXPECT_THAT(DecodeEnvelope(bytes),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("payload length at offset 8 is 262145, allowed are 0 to 262144")));
}

}  // namespace
}  // namespace bpa

// The bytes as the payload of a well-signed envelope: the only way in to ParseCommand.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "agent/executor/command.h"
#include "proto/envelope.h"
#include "proto/keys.h"
#include "proto/verifier.h"

namespace {

bpa::VerifiedPayload Signed(std::string payload) {
  static const bpa::PrivateKey& key =
      *new bpa::PrivateKey(bpa::PrivateKey::GenerateEd25519().value());
  static const bpa::Verifier& verifier = *new bpa::Verifier([] {
    std::vector<bpa::TrustedSigner> signers;
    signers.push_back(
        {.name = "fuzzer", .key = bpa::PublicKey::FromPem(key.public_key().ToPem()).value()});
    return signers;
  }());
  const std::string message = bpa::PreAuthenticationEncoding(bpa::kCommandPayloadType, payload);
  const bpa::Envelope envelope{
      .payload_type = std::string(bpa::kCommandPayloadType),
      .payload = std::move(payload),
      .signatures = {{.key_id = key.public_key().id(), .signature = key.Sign(message).value()}}};
  return verifier.Verify(envelope, bpa::kCommandPayloadType, 1).value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > bpa::kMaxPayloadBytes) return 0;
  const auto command =
      bpa::executor::ParseCommand(Signed(std::string(reinterpret_cast<const char*>(data), size)));
  if (!command.ok()) {
    if (command.status().code() != absl::StatusCode::kInvalidArgument) std::abort();
    return 0;
  }
  // What was accepted is acceptable: nothing hides in how the bytes were put.
  if (!bpa::executor::ParseCommand(Signed(command->proto().SerializeAsString())).ok()) std::abort();
  return 0;
}

#include "proto/enrollment_proof.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace bpa {
namespace {

constexpr std::string_view kNodeLabel("bpa enrolment v1 node\0", 22);
constexpr std::string_view kControllerLabel("bpa enrolment v1 controller\0", 28);

void AppendNumber(uint64_t number, int bytes, std::string& out) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(number >> (8 * i)));
}

void AppendField(std::string_view field, std::string& out) {
  AppendNumber(field.size(), 4, out);
  out.append(field);
}

std::string Message(std::string_view label, const EnrollmentFacts& facts) {
  std::string message(label);
  for (const std::string* field :
       {&facts.cluster, &facts.node, &facts.controller_nonce, &facts.node_nonce,
        &facts.certificate_request, &facts.report_public_key}) {
    AppendField(*field, message);
  }
  AppendNumber(facts.now_unix_millis, 8, message);
  return message;
}

std::string Hmac(std::string_view secret, std::string_view message) {
  unsigned char code[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(message.data());
  if (HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes, message.size(),
           code, &size) == nullptr) {
    std::abort();  // no SHA-256, or no memory
  }
  return std::string(reinterpret_cast<const char*>(code), size);
}

}  // namespace

absl::StatusOr<std::string> ParseJoinSecret(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  const bool is_hex = std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
  });
  if (text.size() != 2 * kJoinSecretBytes || !is_hex) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected one line of ", 2 * kJoinSecretBytes, " hexadecimal digits"));
  }
  return absl::HexStringToBytes(absl::string_view(text.data(), text.size()));
}

std::string FormatJoinSecret(std::string_view secret) {
  return absl::StrCat(absl::BytesToHexString(absl::string_view(secret.data(), secret.size())),
                      "\n");
}

std::string RandomBytes(size_t bytes) {
  std::string out(bytes, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(bytes)) != 1) {
    std::abort();
  }
  return out;
}

std::string NodeProof(std::string_view secret, const EnrollmentFacts& facts) {
  return Hmac(secret, Message(kNodeLabel, facts));
}

std::string ControllerProof(std::string_view secret, const EnrollmentFacts& facts,
                            std::string_view certificate_pem) {
  std::string message = Message(kControllerLabel, facts);
  AppendField(certificate_pem, message);
  return Hmac(secret, message);
}

bool SameProof(std::string_view expected, std::string_view given) {
  return expected.size() == given.size() &&
         CRYPTO_memcmp(expected.data(), given.data(), expected.size()) == 0;
}

}  // namespace bpa

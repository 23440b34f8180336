#include "proto/sha256.h"

#include <openssl/evp.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <vector>

#include "proto/trusted_file.h"

namespace bpa {
namespace {

constexpr size_t kFileBufferBytes = 256 * 1024;

// Fetched once: looking an algorithm up takes longer than hashing a small file.
const EVP_MD* Algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return algorithm;
}

void Require(bool done) {
  if (!done) std::abort();
}

}  // namespace

Sha256Hasher::Sha256Hasher() : context_(EVP_MD_CTX_new()) {
  Require(context_ != nullptr && EVP_DigestInit_ex2(context_, Algorithm(), nullptr) == 1);
}

Sha256Hasher::~Sha256Hasher() { EVP_MD_CTX_free(context_); }

void Sha256Hasher::Update(std::string_view bytes) {
  Require(EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1);
}

Sha256 Sha256Hasher::Finish() {
  Sha256 digest;
  Require(EVP_DigestFinal_ex(context_, digest.data(), nullptr) == 1 &&
          EVP_DigestInit_ex2(context_, nullptr, nullptr) == 1);
  return digest;
}

Sha256 Sha256Hasher::Of(std::string_view bytes) {
  Update(bytes);
  return Finish();
}

Sha256 DigestOf(std::string_view bytes) { return Sha256Hasher().Of(bytes); }

absl::StatusOr<Sha256> DigestOfFile(int fd) {
  Sha256Hasher hasher;
  std::vector<char> buffer(kFileBufferBytes);
  off_t offset = 0;
  for (;;) {
    const ssize_t got = pread(fd, buffer.data(), buffer.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, "pread", "the file to digest");
    if (got == 0) return hasher.Finish();
    hasher.Update(std::string_view(buffer.data(), static_cast<size_t>(got)));
    offset += got;
  }
}

}  // namespace bpa

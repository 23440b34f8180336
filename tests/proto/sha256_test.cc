#include "proto/sha256.h"

#include <string>

#include "absl/strings/escaping.h"
#include "tests/proto/manifest_samples.h"
#include "tests/status_matchers.h"

namespace bpa {
namespace {

using ::bpa::testing::MemoryFile;
using ::bpa::testing::StatusIs;
using ::testing::HasSubstr;

std::string Hex(const Sha256& digest) {
  return absl::BytesToHexString(std::string(digest.begin(), digest.end()));
}

TEST(Sha256Test, GivesTheStandardsVectors) {
  EXPECT_EQ(Hex(DigestOf("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Hex(DigestOf("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256Test, GivesTheSameInPiecesAndAgain) {
  Sha256Hasher hasher;
  for (int round = 0; round < 2; ++round) {
    hasher.Update("a");
    hasher.Update("");
    hasher.Update("bc");
    EXPECT_EQ(hasher.Finish(), DigestOf("abc"));
  }
}

TEST(Sha256Test, ReadsAFileFromItsBeginningWhereverItsOffsetIs) {
  const std::string bytes(1'000'000, 'x');
  const MemoryFile file(bytes);
  EXPECT_EQ(DigestOfFile(file.fd()).value(), DigestOf(bytes));
  EXPECT_THAT(DigestOfFile(-1),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("pread")));
}

}  // namespace
}  // namespace bpa

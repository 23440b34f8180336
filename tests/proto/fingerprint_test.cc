#include "proto/fingerprint.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "bpa/v1/report.pb.h"
#include "tests/proto/testdata.h"

namespace bpa {
namespace {

TEST(FingerprintTest, FitsTheGoldenVector) {
  const std::string digest = ChangeFingerprint(v1::RESOURCE_KIND_SYSCTL, "vm.max_map_count",
                                               "live value", "65530", "262144");
  std::string golden = testing::Testdata("fingerprint.hex");
  absl::StripAsciiWhitespace(&golden);
  EXPECT_EQ(absl::BytesToHexString(digest), golden);
}

TEST(FingerprintTest, DiffersWhenAnyFieldDiffers) {
  const std::string base = ChangeFingerprint(3, "name", "aspect", "before", "after");
  EXPECT_NE(ChangeFingerprint(2, "name", "aspect", "before", "after"), base);
  EXPECT_NE(ChangeFingerprint(3, "Name", "aspect", "before", "after"), base);
  EXPECT_NE(ChangeFingerprint(3, "name", "Aspect", "before", "after"), base);
  EXPECT_NE(ChangeFingerprint(3, "name", "aspect", "Before", "after"), base);
  EXPECT_NE(ChangeFingerprint(3, "name", "aspect", "before", "After"), base);
  EXPECT_EQ(ChangeFingerprint(3, "name", "aspect", "before", "after"), base);
}

TEST(FingerprintTest, KeepsFieldsApart) {
  EXPECT_NE(ChangeFingerprint(3, "ab", "c", "", ""), ChangeFingerprint(3, "a", "bc", "", ""));
  EXPECT_NE(ChangeFingerprint(3, "", "", "x", ""), ChangeFingerprint(3, "", "", "", "x"));
}

}  // namespace
}  // namespace bpa

// Verifier::FromDirectory on real directories.
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "proto/verifier.h"
#include "tests/proto/testdata.h"
#include "tests/status_matchers.h"
#include "tests/temporary_directory.h"

namespace bpa {
namespace {

using ::bpa::testing::IsOk;
using ::bpa::testing::StatusIs;
using ::bpa::testing::Testdata;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TrustStoreTest : public ::testing::Test {
 protected:
  absl::StatusOr<Verifier> Load() const { return Verifier::FromDirectory(directory_.path()); }

  absl::StatusOr<VerifiedPayload> VerifyGolden() const {
    const auto verifier = Load();
    if (!verifier.ok()) return verifier.status();
    return verifier->Verify(DecodeEnvelope(Testdata("envelope_both.bin")).value(),
                            kCommandPayloadType, 1);
  }

  static auto RefusedFile(const std::string& file, const std::string& message) {
    return StatusIs(absl::StatusCode::kFailedPrecondition,
                    AllOf(HasSubstr(file), HasSubstr(message)));
  }

  testing::TemporaryDirectory directory_;
  const std::string pem_ = Testdata("ed25519_test.pem");
};

TEST_F(TrustStoreTest, NamesSignersAfterTheirFiles) {
  directory_.Write("b.ob_2-x.pem", pem_);
  directory_.Write("alice.pem", Testdata("p256_test.pem"));
  EXPECT_THAT(VerifyGolden()->signers(), ElementsAre("alice", "b.ob_2-x"));
}

TEST_F(TrustStoreTest, SaysWhereToPutAKeyWhenItIsEmpty) {
  EXPECT_THAT(VerifyGolden(), StatusIs(absl::StatusCode::kUnauthenticated,
                                       AllOf(HasSubstr("no signer is trusted here"),
                                             HasSubstr("<name>.pem into " + directory_.path()))));
}

TEST_F(TrustStoreTest, SaysWhichDirectoryIsMissing) {
  EXPECT_THAT(Verifier::FromDirectory(directory_.File("missing")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("missing")));
}

TEST_F(TrustStoreTest, IgnoresDotFiles) {
  directory_.Write(".alice.pem.swp", "an editor's");
  directory_.Write("alice.pem", pem_);
  EXPECT_THAT(VerifyGolden()->signers(), ElementsAre("alice"));
}

TEST_F(TrustStoreTest, RefusesAKeyFileThatGroupOrWorldMayWrite) {
  for (const mode_t mode : {0664, 0646}) {
    directory_.Write("alice.pem", pem_, mode);
    EXPECT_THAT(Load(), RefusedFile("alice.pem", "chmod go-w"));
  }
}

TEST_F(TrustStoreTest, RefusesADirectoryThatGroupOrWorldMayWrite) {
  directory_.Write("alice.pem", pem_);
  for (const mode_t mode : {0770, 0707, 01777}) {
    ASSERT_EQ(chmod(directory_.path().c_str(), mode), 0);
    EXPECT_THAT(Load(), RefusedFile(directory_.path(), "chmod go-w"));
  }
  ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
  EXPECT_THAT(Load(), IsOk());
}

TEST_F(TrustStoreTest, RefusesAFileOrDirectoryOfAnotherUser) {
  ASSERT_EQ(geteuid(), 0u) << "only root can give a file away: run the tests as root";
  const std::string path = directory_.Write("alice.pem", pem_);
  ASSERT_EQ(chown(path.c_str(), 12345, static_cast<gid_t>(-1)), 0);
  EXPECT_THAT(Load(), RefusedFile("alice.pem", "uid 12345"));
  ASSERT_EQ(chown(path.c_str(), 0, static_cast<gid_t>(-1)), 0);
  ASSERT_EQ(chown(directory_.path().c_str(), 12345, static_cast<gid_t>(-1)), 0);
  EXPECT_THAT(Load(), RefusedFile(directory_.path(), "uid 12345"));
}

TEST_F(TrustStoreTest, RefusesFilesThatAreNoKeys) {
  const std::string path = directory_.Write("alice.pem", "rubbish");
  EXPECT_THAT(Load(), RefusedFile("alice.pem", "expected one PEM block"));
  directory_.Write("alice.pem", Testdata("ed25519_test.key"));
  EXPECT_THAT(Load(), RefusedFile("alice.pem", "it is a private key"));
  directory_.Write("alice.pem", std::string(4097, ' '));
  EXPECT_THAT(Load(), RefusedFile("alice.pem", "longer than the 4096 bytes"));
  ASSERT_EQ(unlink(path.c_str()), 0);
}

TEST_F(TrustStoreTest, RefusesFilesWithOtherNames) {
  for (const std::string name :
       {"README", "alice.pub", "alice.pem~", "al ice.pem", "al\nice.pem"}) {
    const std::string path = directory_.Write(name, pem_);
    EXPECT_THAT(Load(), RefusedFile(directory_.path(), "not a signer")) << name;
    ASSERT_EQ(unlink(path.c_str()), 0);
  }
  directory_.Write(std::string(64, 'a') + ".pem", pem_);
  EXPECT_THAT(Load(), IsOk());
  directory_.Write(std::string(65, 'b') + ".pem", pem_);
  EXPECT_THAT(Load(), RefusedFile(directory_.path(), "not a signer"));
}

TEST_F(TrustStoreTest, RefusesLinksAndDirectories) {
  const testing::TemporaryDirectory elsewhere;
  const std::string target = elsewhere.Write("alice.pem", pem_);
  const std::string link = directory_.File("alice.pem");
  ASSERT_EQ(symlink(target.c_str(), link.c_str()), 0);
  EXPECT_THAT(Load(), RefusedFile("alice.pem", "not a regular file"));
  ASSERT_EQ(unlink(link.c_str()), 0);
  ASSERT_EQ(mkdir(link.c_str(), 0755), 0);
  EXPECT_THAT(Load(), RefusedFile("alice.pem", "not a regular file"));
}

TEST_F(TrustStoreTest, HoldsAtMostThirtyTwoSigners) {
  for (int i = 0; i < 32; ++i) {
    directory_.Write("signer" + std::to_string(i) + ".pem",
                     PrivateKey::GenerateEd25519()->public_key().ToPem());
  }
  EXPECT_THAT(Load(), IsOk());
  directory_.Write("another.pem", pem_);
  EXPECT_THAT(Load(), RefusedFile(directory_.path(), "more than 32 files"));
}

}  // namespace
}  // namespace bpa

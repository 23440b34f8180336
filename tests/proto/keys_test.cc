#include "proto/keys.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <functional>
#include <string>
#include <type_traits>
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
using ::testing::HasSubstr;

static_assert(!std::is_copy_constructible_v<PrivateKey>);
static_assert(!std::is_default_constructible_v<PublicKey>);

auto Refused(const std::string& message) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message));
}

std::string Write(const std::function<int(BIO*)>& write) {
  BIO* const bio = BIO_new(BIO_s_mem());
  EXPECT_EQ(write(bio), 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

std::string PublicPemOf(EVP_PKEY* key) {
  return Write([key](BIO* bio) { return PEM_write_bio_PUBKEY(bio, key); });
}

class KeysTest : public ::testing::TestWithParam<const char*> {
 protected:
  const std::string name_ = GetParam();
};

TEST_P(KeysTest, SignsWhatItsPublicHalfVerifies) {
  const PrivateKey key = TestPrivateKey(name_);
  const auto signature = key.Sign("message");
  ASSERT_THAT(signature, IsOk());
  EXPECT_THAT(TestPublicKey(name_).Verify("message", *signature), IsOk());
  EXPECT_THAT(key.public_key().Verify("message", *signature), IsOk());
}

TEST_P(KeysTest, SignsAnEmptyMessage) {
  const PrivateKey key = TestPrivateKey(name_);
  EXPECT_THAT(key.public_key().Verify("", key.Sign("").value()), IsOk());
}

TEST_P(KeysTest, RefusesAnyOtherMessage) {
  const PrivateKey key = TestPrivateKey(name_);
  const std::string signature = key.Sign("message").value();
  for (const char* other : {"", "messag", "message ", "Message"}) {
    EXPECT_THAT(key.public_key().Verify(other, signature),
                StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("not this key's")))
        << other;
  }
}

TEST_P(KeysTest, RefusesASignatureWithAnyBitFlipped) {
  const PrivateKey key = TestPrivateKey(name_);
  const std::string good = key.Sign("message").value();
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(key.public_key().Verify("message", bad).ok()) << "bit " << bit;
  }
}

TEST_P(KeysTest, RefusesASignatureOfAnyOtherLength) {
  const PrivateKey key = TestPrivateKey(name_);
  const std::string good = key.Sign("message").value();
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(key.public_key().Verify("message", good.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(key.public_key().Verify("message", good + '\0').ok());
  EXPECT_FALSE(key.public_key().Verify("message", good + good).ok());
}

TEST_P(KeysTest, SurvivesARoundTripThroughPem) {
  const PrivateKey key = TestPrivateKey(name_);
  EXPECT_EQ(PrivateKey::FromPem(key.ToPem())->public_key().der(), key.public_key().der());
  EXPECT_EQ(PublicKey::FromPem(key.public_key().ToPem())->id(), key.public_key().id());
}

TEST_P(KeysTest, HasAnIdMadeOfItsEncoding) {
  // The golden envelope's key id was computed by the openssl and sha256sum programs.
  const PublicKey key = TestPublicKey(name_);
  const std::string file = name_ == "ed25519_test" ? "envelope_ed25519.bin" : "envelope_p256.bin";
  EXPECT_THAT(Testdata(file), HasSubstr(key.id()));
  EXPECT_EQ(key.id().size(), 32u);
}

TEST_P(KeysTest, TakesWhiteSpaceAroundTheBlock) {
  EXPECT_THAT(PublicKey::FromPem("\n " + Testdata(name_ + ".pem") + "\r\n\n"), IsOk());
  EXPECT_THAT(PrivateKey::FromPem("\n " + Testdata(name_ + ".key") + "\r\n\n"), IsOk());
}

TEST_P(KeysTest, RefusesAnythingBesideTheBlock) {
  const std::string pem = Testdata(name_ + ".pem");
  EXPECT_THAT(PublicKey::FromPem(pem + "x"), Refused("nothing else"));
  EXPECT_THAT(PublicKey::FromPem("x" + pem), Refused("nothing else"));
  EXPECT_THAT(PublicKey::FromPem(pem + pem), Refused("nothing else"));
  const std::string private_pem = Testdata(name_ + ".key");
  EXPECT_THAT(PrivateKey::FromPem(private_pem + "x"), Refused("nothing else"));
  EXPECT_THAT(PrivateKey::FromPem(pem + private_pem), Refused("nothing else"));
}

TEST_P(KeysTest, TellsWhichHalfWasGiven) {
  EXPECT_THAT(PublicKey::FromPem(Testdata(name_ + ".key")), Refused("openssl pkey -pubout"));
  EXPECT_THAT(PrivateKey::FromPem(Testdata(name_ + ".pem")), Refused("it is a public key"));
}

INSTANTIATE_TEST_SUITE_P(BothKinds, KeysTest, ::testing::Values("ed25519_test", "p256_test"));

TEST(KeysGenerateTest, MakesDifferentKeysThatWork) {
  for (const auto generate : {&PrivateKey::GenerateEd25519, &PrivateKey::GenerateEcdsaP256}) {
    const auto one = generate();
    const auto two = generate();
    ASSERT_THAT(one, IsOk());
    ASSERT_THAT(two, IsOk());
    EXPECT_NE(one->public_key().der(), two->public_key().der());
    const std::string signature = one->Sign("message").value();
    EXPECT_THAT(one->public_key().Verify("message", signature), IsOk());
    EXPECT_FALSE(two->public_key().Verify("message", signature).ok());
  }
}

TEST(KeysFormTest, RefusesOtherKindsOfKeys) {
  const EvpPkey rsa(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", size_t{2048}));
  EXPECT_THAT(PublicKey::FromPem(PublicPemOf(rsa.get())), Refused("a key of type RSA"));
  const EvpPkey p384(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-384"));
  EXPECT_THAT(PublicKey::FromPem(PublicPemOf(p384.get())), Refused("a key of type EC"));
  const EvpPkey x25519(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"));
  EXPECT_THAT(PublicKey::FromPem(PublicPemOf(x25519.get())), Refused("a key of type X25519"));
  const EvpPkey ed448(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED448"));
  const std::string pem = Write([&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, ed448.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  EXPECT_THAT(PrivateKey::FromPem(pem), Refused("a key of type ED448"));
}

TEST(KeysFormTest, RefusesASecondEncodingOfAKey) {
  // Otherwise one key, written twice, would count as two signers.
  const EvpPkey key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  ASSERT_THAT(PublicKey::FromPem(PublicPemOf(key.get())), IsOk());
  ASSERT_EQ(EVP_PKEY_set_utf8_string_param(key.get(), "point-format", "compressed"), 1);
  EXPECT_THAT(PublicKey::FromPem(PublicPemOf(key.get())), Refused("compressed point"));
}

TEST(KeysFormTest, TakesAPrivateKeyWhosePublicHalfIsCompressed) {
  const EvpPkey key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  ASSERT_EQ(EVP_PKEY_set_utf8_string_param(key.get(), "point-format", "compressed"), 1);
  const std::string pem = Write([&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  EXPECT_THAT(PrivateKey::FromPem(pem), IsOk());
}

TEST(KeysFormTest, RefusesAnEncryptedPrivateKey) {
  const EvpPkey key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  char passphrase[] = "secret";
  const std::string pem = Write([&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, key.get(), EVP_aes_256_cbc(), passphrase,
                                         sizeof passphrase - 1, nullptr, nullptr);
  });
  EXPECT_THAT(PrivateKey::FromPem(pem), Refused("it is encrypted"));
}

TEST(KeysFormTest, RefusesTheTraditionalForm) {
  const EvpPkey key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  const std::string pem = Write([&](BIO* bio) {
    return PEM_write_bio_PrivateKey_traditional(bio, key.get(), nullptr, nullptr, 0, nullptr,
                                                nullptr);
  });
  EXPECT_THAT(PrivateKey::FromPem(pem), Refused("openssl pkcs8 -topk8"));
}

TEST(KeysFormTest, RefusesRubbish) {
  const std::string begin = "-----BEGIN PUBLIC KEY-----\n";
  const std::string end = "-----END PUBLIC KEY-----\n";
  EXPECT_THAT(PublicKey::FromPem(""), Refused("expected one PEM block"));
  EXPECT_THAT(PublicKey::FromPem("ssh-ed25519 AAAA"), Refused("expected one PEM block"));
  EXPECT_THAT(PublicKey::FromPem(begin + end), Refused("not a"));
  EXPECT_THAT(PublicKey::FromPem(begin + "!!!!\n" + end), Refused("not a PEM block"));
  EXPECT_THAT(PublicKey::FromPem(begin + "AAAA\n" + end), Refused("not a public key"));
  EXPECT_THAT(PublicKey::FromPem(std::string(8193, ' ')), Refused("longer than a key can be"));
}

TEST(KeysFormTest, RefusesBytesAfterTheKeyWithinTheBlock) {
  // The DER of a good key with one zero byte behind it, encoded again.
  const PublicKey good = TestPublicKey("ed25519_test");
  std::vector<unsigned char> der(good.der().begin(), good.der().end());
  der.push_back(0);
  const std::string pem = Write([&](BIO* bio) {
    return PEM_write_bio(bio, "PUBLIC KEY", "", der.data(), static_cast<long>(der.size())) > 0;
  });
  EXPECT_THAT(PublicKey::FromPem(pem), Refused(""));
}

TEST(KeysFormTest, RefusesAPointThatIsNotOnTheCurve) {
  const PublicKey good = TestPublicKey("p256_test");
  std::vector<unsigned char> der(good.der().begin(), good.der().end());
  der.back() ^= 1;
  const std::string pem = Write([&](BIO* bio) {
    return PEM_write_bio(bio, "PUBLIC KEY", "", der.data(), static_cast<long>(der.size())) > 0;
  });
  EXPECT_THAT(PublicKey::FromPem(pem), Refused("not a public key"));
}

TEST(KeysFormTest, RefusesAnEcdsaSignatureInBer) {
  const PrivateKey key = TestPrivateKey("p256_test");
  std::string der = key.Sign("message").value();
  // Short enough that its length alone does not give the longer form away.
  while (der.size() > 71) der = key.Sign("message").value();
  // The outer length in the long form: the same numbers, not DER.
  const std::string ber = der.substr(0, 1) + "\x81" + der.substr(1);
  EXPECT_FALSE(key.public_key().Verify("message", ber).ok());
  EXPECT_THAT(key.public_key().Verify("message", der), IsOk());
}

}  // namespace
}  // namespace bpa

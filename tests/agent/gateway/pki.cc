#include "tests/agent/gateway/pki.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "proto/keys.h"

namespace bpa::gateway {
namespace {

BIO* ReadBio(const std::string& text) {
  return BIO_new_mem_buf(text.data(), static_cast<int>(text.size()));
}

EVP_PKEY* ReadKey(const std::string& pem) {
  BIO* bio = ReadBio(pem);
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  return key;
}

X509* ReadCertificate(const std::string& pem) {
  BIO* bio = ReadBio(pem);
  X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  return certificate;
}

std::string ToPem(X509* certificate) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate);
  char* data = nullptr;
  const auto length = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<size_t>(length));
  BIO_free(bio);
  return pem;
}

void AddExtension(X509* certificate, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  if (extension == nullptr) std::abort();
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace

Subject NodeSubject() { return {.uris = {"bpa://c/node/node-1"}, .usage = "serverAuth"}; }

Subject ControllerSubject() {
  return {.uris = {"bpa://c/controller/admin"}, .usage = "clientAuth"};
}

Pem Issue(const Subject& subject, const Pem* authority) {
  const std::string key_pem = PrivateKey::GenerateEcdsaP256()->ToPem();
  EVP_PKEY* key = ReadKey(key_pem);
  X509* certificate = X509_new();
  X509* issuer = authority == nullptr ? certificate : ReadCertificate(authority->certificate);
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), std::rand());
  ASN1_TIME_set(X509_getm_notBefore(certificate), absl::ToTimeT(subject.not_before));
  ASN1_TIME_set(X509_getm_notAfter(certificate), absl::ToTimeT(subject.not_after));
  const auto* name = reinterpret_cast<const unsigned char*>(authority == nullptr ? "ca" : "leaf");
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, name, -1, -1,
                             0);
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
  X509_set_pubkey(certificate, key);
  if (authority == nullptr) AddExtension(certificate, issuer, NID_basic_constraints, "CA:TRUE");
  std::string names = "DNS:node-1";
  for (const std::string& uri : subject.uris) absl::StrAppend(&names, ",URI:", uri);
  AddExtension(certificate, issuer, NID_subject_alt_name, names);
  if (!subject.usage.empty()) {
    AddExtension(certificate, issuer, NID_ext_key_usage, subject.usage);
  }
  EVP_PKEY* signer = authority == nullptr ? key : ReadKey(authority->key);
  X509_sign(certificate, signer, EVP_sha256());
  Pem out{.certificate = ToPem(certificate), .key = key_pem};
  if (authority != nullptr) {
    EVP_PKEY_free(signer);
    X509_free(issuer);
  }
  EVP_PKEY_free(key);
  X509_free(certificate);
  return out;
}

Pem MakeAuthority() { return Issue({}, nullptr); }

}  // namespace bpa::gateway

// Files beside the tests: golden vectors and public test keys.
#ifndef BPA_TESTS_PROTO_TESTDATA_H_
#define BPA_TESTS_PROTO_TESTDATA_H_

#include <fstream>
#include <iterator>
#include <string>

#include "gtest/gtest.h"
#include "proto/keys.h"

namespace bpa::testing {

inline std::string Testdata(const std::string& name) {
  std::ifstream file(std::string(BPA_TESTDATA) + "/" + name, std::ios::binary);
  EXPECT_TRUE(file.is_open()) << name;
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

inline PublicKey TestPublicKey(const std::string& name) {
  return PublicKey::FromPem(Testdata(name + ".pem")).value();
}

inline PrivateKey TestPrivateKey(const std::string& name) {
  return PrivateKey::FromPem(Testdata(name + ".key")).value();
}

}  // namespace bpa::testing

#endif  // BPA_TESTS_PROTO_TESTDATA_H_

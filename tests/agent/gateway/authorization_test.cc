#include "agent/gateway/authorization.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/agent/gateway/pki.h"

namespace bpa::gateway {
namespace {

using testing::HasSubstr;

absl::StatusOr<std::string> NameIn(const Subject& subject) {
  static const Pem& authority = *new Pem(MakeAuthority());
  return ControllerName(Issue(subject, &authority).certificate, "c");
}

TEST(AuthorizationTest, NamesTheController) { EXPECT_EQ(*NameIn(ControllerSubject()), "admin"); }

struct Stranger {
  const char* name;
  std::vector<std::string> uris;
  const char* usage;
  const char* complaint;
};

class StrangerTest : public testing::TestWithParam<Stranger> {};

TEST_P(StrangerTest, IsRefusedWithTheReason) {
  const auto name = NameIn({.uris = GetParam().uris, .usage = GetParam().usage});
  EXPECT_EQ(name.status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(name.status().message()), HasSubstr(GetParam().complaint));
}

const std::vector<std::string>& Admin() {
  static const auto& uris = *new std::vector<std::string>{"bpa://c/controller/admin"};
  return uris;
}

INSTANTIATE_TEST_SUITE_P(
    Table, StrangerTest,
    testing::Values(
        Stranger{"ANode", {"bpa://c/node/node-1"}, "serverAuth", "clientAuth"},
        Stranger{"ANodeWithClientUsage", {"bpa://c/node/node-1"}, "clientAuth", "node/node-1"},
        Stranger{"ServerUsage", Admin(), "serverAuth", "clientAuth"},
        Stranger{"NoUsage", Admin(), "", "clientAuth"},
        Stranger{"NoUri", {}, "clientAuth", "without a URI"},
        Stranger{"AnotherCluster", {"bpa://d/controller/admin"}, "clientAuth", "bpa://d/"},
        Stranger{"TwoUris", {"bpa://c/controller/admin", "bpa://c/node/n"}, "clientAuth", "node/n"},
        Stranger{"NoName", {"bpa://c/controller/"}, "clientAuth", "only bpa://c/controller/<name>"},
        Stranger{"APath", {"bpa://c/controller/a/b"}, "clientAuth", "a/b"},
        Stranger{"APrefix", {"bpa://c/controllers/a"}, "clientAuth", "controllers"}),
    [](const auto& tested) { return tested.param.name; });

TEST(AuthorizationTest, RefusesWhatIsNoCertificate) {
  EXPECT_EQ(ControllerName("", "c").status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ControllerName("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "c")
                .status()
                .code(),
            absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace bpa::gateway

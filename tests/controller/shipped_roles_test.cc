// The shipped roles against the table in Cisco's paper (document 222462), retyped here.
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "controller/cluster.h"
#include "controller/roles.h"
#include "controller/shipped_files.h"
#include "proto/yaml/strict_yaml.h"

namespace bpa::controller {
namespace {

constexpr uint32_t kChmod777 = 0777;

struct PaperNode {
  const char* role;
  // `rm -rf /opt/bpa/data`
  bool wipes_data;
  // Directory to mode; nullopt where the paper leaves the mode alone.
  std::map<std::string, std::optional<uint32_t>> directories;
};

const PaperNode kPaper[] = {
    {"bpa-node-1",
     true,
     {{"/opt/bpa/data/zookeeper1", kChmod777},
      {"/opt/bpa/data/zookeeper4", kChmod777},
      {"/opt/bpa/data/zookeeper5", kChmod777},
      {"/opt/bpa/data/kafka1", kChmod777}}},
    {"bpa-node-2",
     true,
     {{"/opt/bpa/data/kafka2", kChmod777},
      {"/opt/bpa/data/zookeeper2", kChmod777},
      {"/opt/bpa/data/zookeeper4", kChmod777},
      {"/opt/bpa/data/zookeeper5", kChmod777}}},
    {"bpa-node-3",
     true,
     {{"/opt/bpa/data/kafka3", kChmod777},
      {"/opt/bpa/data/zookeeper3", kChmod777},
      {"/opt/bpa/data/zookeeper4", kChmod777},
      {"/opt/bpa/data/zookeeper5", kChmod777}}},
    {"bpa-node-4",
     false,
     {{"/opt/bpa/data/metrices", kChmod777},
      {"/opt/bpa/data/metrices/prometheus", kChmod777},
      {"/opt/bpa/data/metrices/grafana", kChmod777},
      {"/opt/bpa/data/elk", std::nullopt}}},
};

std::vector<v1::Role> Shipped() {
  const auto document = yaml::Parse(ShippedRoles(), "bpa-roles.yaml");
  EXPECT_TRUE(document.ok()) << document.status();
  if (!document.ok()) return {};
  EXPECT_TRUE(document->ExpectKeys({"roles"}).ok());
  auto roles = ParseRoles(*document->Get("roles"));
  EXPECT_TRUE(roles.ok()) << roles.status();
  return roles.value_or(std::vector<v1::Role>());
}

TEST(ShippedRolesTest, AreThePapersFourNodesInItsOrder) {
  const std::vector<v1::Role> roles = Shipped();
  ASSERT_EQ(roles.size(), std::size(kPaper));
  for (size_t i = 0; i < roles.size(); ++i) EXPECT_EQ(roles[i].name(), kPaper[i].role);
}

TEST(ShippedRolesTest, MakeExactlyThePapersDirectoriesWithItsModes) {
  const std::vector<v1::Role> roles = Shipped();
  ASSERT_EQ(roles.size(), std::size(kPaper));
  for (size_t i = 0; i < roles.size(); ++i) {
    std::map<std::string, std::optional<uint32_t>> found;
    for (const v1::Directory& directory : roles[i].directories()) {
      if (directory.reset()) continue;
      EXPECT_FALSE(directory.has_owner() || directory.has_group()) << directory.path();
      found[directory.path()] =
          directory.has_mode() ? std::optional<uint32_t>(directory.mode()) : std::nullopt;
    }
    EXPECT_EQ(found, kPaper[i].directories) << kPaper[i].role;
  }
}

TEST(ShippedRolesTest, MayResetTheDataRootWhereThePaperWipesItAndNothingElse) {
  const std::vector<v1::Role> roles = Shipped();
  ASSERT_EQ(roles.size(), std::size(kPaper));
  for (size_t i = 0; i < roles.size(); ++i) {
    std::vector<std::string> resets;
    for (const v1::Directory& directory : roles[i].directories()) {
      if (!directory.reset()) continue;
      resets.push_back(directory.path());
      EXPECT_FALSE(directory.has_mode());
    }
    const std::vector<std::string> wanted = kPaper[i].wipes_data
                                                ? std::vector<std::string>{"/opt/bpa/data"}
                                                : std::vector<std::string>{};
    EXPECT_EQ(resets, wanted) << kPaper[i].role;
  }
}

TEST(ShippedRolesTest, RaiseMaxMapCountToThePapersValueAndNeverLowerIt) {
  for (const v1::Role& role : Shipped()) {
    ASSERT_EQ(role.sysctls_size(), 1) << role.name();
    EXPECT_EQ(role.sysctls(0).name(), "vm.max_map_count");
    ASSERT_TRUE(role.sysctls(0).has_at_least());
    EXPECT_EQ(role.sysctls(0).at_least(), 262144);
  }
}

TEST(ShippedRolesTest, MountOneVolumeAtOptAndMoveWhatIsThere) {
  for (const v1::Role& role : Shipped()) {
    ASSERT_EQ(role.volumes_size(), 1) << role.name();
    const v1::Volume& volume = role.volumes(0);
    EXPECT_EQ(volume.mount_point(), "/opt");
    EXPECT_EQ(volume.filesystem(), v1::FILESYSTEM_TYPE_XFS);
    EXPECT_EQ(volume.existing_content(), v1::EXISTING_CONTENT_MIGRATE);
    EXPECT_TRUE(volume.format_if_blank());
    EXPECT_TRUE(volume.grow());
    EXPECT_EQ(volume.mount_options(), "");
  }
}

}  // namespace
}  // namespace bpa::controller

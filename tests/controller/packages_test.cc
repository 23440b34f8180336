#include "controller/packages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "controller/cluster.h"

namespace bpa::controller {
namespace {

using ::testing::HasSubstr;

constexpr char kGood[] = R"(cluster: bpa-prod
nodes:
  node-1: {address: 10.0.1.11, role: data, volumes: {/opt: vol-0123456789abcdef0}}
  node-2: {address: 10.0.1.12, role: bare}
packages:
  - source: ../releases/bpa-5.1
roles:
  data:
    volumes: {/opt: {filesystem: xfs}}
    directories: {/opt/data: {}, /opt/wiped: {reset: allowed}}
    packages:
      - {source: /srv/extra/, destination: /opt/bpa/extra, label: "extra 2", owner: bpa,
         group: "1000", mode: {files: "0640", directories: "0750"}, keep_previous: true}
  bare: {}
)";

std::string Message(const absl::Status& status) { return std::string(status.message()); }

absl::StatusOr<Cluster> Parse(std::string_view text) {
  return ParseCluster(text, "/home/bpa/cluster.yaml");
}

TEST(PackagesTest, GivesEveryRoleTheClustersPackagesAndItsOwn) {
  const auto cluster = Parse(kGood);
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  ASSERT_EQ(cluster->packages.at("bare").size(), 1u);
  ASSERT_EQ(cluster->packages.at("data").size(), 2u);
  EXPECT_EQ(cluster->roles[0].packages_size(), 0) << "what is in them is not known yet";
  const PackageSource& common = cluster->packages.at("data")[0];
  EXPECT_EQ(common.directory, "/home/bpa/../releases/bpa-5.1");
  EXPECT_EQ(common.package.destination(), "/opt/bpa/packages");
  EXPECT_EQ(common.package.label(), "bpa-5.1");
  EXPECT_FALSE(common.package.has_owner());
  EXPECT_FALSE(common.package.has_group());
  EXPECT_FALSE(common.package.keep_previous());
  EXPECT_FALSE(common.modes.files.has_value());
  EXPECT_FALSE(common.modes.directories.has_value());
}

TEST(PackagesTest, ReadsEverythingAPackageCanSay) {
  const auto cluster = Parse(kGood);
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  const PackageSource& own = cluster->packages.at("data")[1];
  EXPECT_EQ(own.directory, "/srv/extra/");
  EXPECT_EQ(own.package.destination(), "/opt/bpa/extra");
  EXPECT_EQ(own.package.label(), "extra 2");
  EXPECT_EQ(own.package.owner(), "bpa");
  EXPECT_EQ(own.package.group(), "1000");
  EXPECT_TRUE(own.package.keep_previous());
  EXPECT_EQ(own.modes.files, 0640);
  EXPECT_EQ(own.modes.directories, 0750);
}

TEST(PackagesTest, TakesTheModesThatAreNotSaidFromTheSource) {
  const auto cluster = Parse(absl::StrReplaceAll(
      kGood, {{"{files: \"0640\", directories: \"0750\"}", "{files: \"0640\"}"}}));
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  EXPECT_EQ(cluster->packages.at("data")[1].modes.files, 0640);
  EXPECT_FALSE(cluster->packages.at("data")[1].modes.directories.has_value());
  EXPECT_TRUE(
      Parse(absl::StrReplaceAll(kGood, {{"{files: \"0640\", directories: \"0750\"}", "keep"}}))
          .ok());
}

TEST(PackagesTest, LabelsByTheDirectorysName) {
  EXPECT_EQ(DefaultLabel("/srv/bpa-5.1"), "bpa-5.1");
  EXPECT_EQ(DefaultLabel("/srv/bpa-5.1//"), "bpa-5.1");
  EXPECT_EQ(DefaultLabel("x/../bpa 5"), "bpa 5");
  EXPECT_EQ(DefaultLabel("/"), "");
  EXPECT_EQ(DefaultLabel(".."), "");
  EXPECT_EQ(DefaultLabel("/srv/\xff"), "");
  EXPECT_EQ(DefaultLabel("/srv/two\nlines"), "");
}

struct BadCase {
  const char* from;
  const char* to;
  const char* message;
};

const BadCase kBadCases[] = {
    {"- source: ../releases/bpa-5.1", "- sorce: x",
     "6:5: packages[0]: unknown key 'sorce': did you mean 'source'?"},
    {"- source: ../releases/bpa-5.1", "- label: x",
     "6:5: packages[0]: the key 'source' is missing"},
    {"../releases/bpa-5.1", "\"\"",
     "6:13: packages[0].source: expected the path of a directory on this machine"},
    {"../releases/bpa-5.1", "/",
     "6:5: packages[0]: the source's name cannot be the label: add label: RELEASE"},
    {"  - source: ../releases/bpa-5.1", "  source: ../releases/bpa-5.1",
     "6:3: packages: expected a list ([] is an empty one), found a mapping"},
    {"destination: /opt/bpa/extra", "destination: opt/extra",
     "12:44: roles.data.packages[0].destination: 'opt/extra' must be an absolute path"},
    {"destination: /opt/bpa/extra", "destination: /opt/../etc",
     "12:44: roles.data.packages[0].destination: '/opt/../etc' must not hold a '..' component"},
    {"destination: /opt/bpa/extra, ", "",
     "12:9: roles.data.packages[0]: role 'data' already has a package at '/opt/bpa/packages'; give "
     "this one another destination"},
    {"destination: /opt/bpa/extra", "destination: /opt/bpa/packages/extra",
     "12:9: roles.data.packages[0]: role 'data' already has a package at '/opt/bpa/packages'; one "
     "cannot lie within the other"},
    {"destination: /opt/bpa/extra", "destination: /opt",
     "12:9: roles.data.packages[0]: role 'data' already has a package at '/opt/bpa/packages'; one "
     "cannot lie within the other"},
    {"destination: /opt/bpa/extra", "destination: /opt/data",
     "12:9: roles.data.packages[0]: '/opt/data' would replace the directory '/opt/data', which the "
     "role also has: everything in a package is the package's"},
    {"destination: /opt/bpa/extra", "destination: /opt/wiped/extra",
     "12:9: roles.data.packages[0]: '/opt/wiped/extra' lies in '/opt/wiped', which a reset "
     "empties"},
    {"label: \"extra 2\"", "label: \"\"", "12:67: roles.data.packages[0].label: '' is empty"},
    {"label: \"extra 2\"", "label: \"a\\tb\"",
     "12:67: roles.data.packages[0].label: 'a\\tb' must not hold control characters"},
    {"owner: bpa", "owner: \"b p\"", "12:85: roles.data.packages[0].owner: 'b p' "},
    {"files: \"0640\"", "files: \"9\"", "13:39: roles.data.packages[0].mode.files: "},
    {"files: \"0640\"", "files: \"4755\"",
     "13:39: roles.data.packages[0].mode.files: packages carry no set-id or sticky bits: at most "
     "0777"},
    {"files: \"0640\"", "file: \"0640\"",
     "13:32: roles.data.packages[0].mode: unknown key 'file': did you mean 'files'?"},
    {"{files: \"0640\", directories: \"0750\"}", "kept",
     "13:31: roles.data.packages[0].mode: expected 'keep' or {files: MODE, directories: MODE}, "
     "found 'kept'"},
    {"{files: \"0640\", directories: \"0750\"}", "[keep]",
     "13:31: roles.data.packages[0].mode: expected a mapping with files, directories, found a "
     "list"},
    {"keep_previous: true", "keep_previous: yes",
     "roles.data.packages[0].keep_previous: expected true or false (without quotes), found 'yes'"},
};

TEST(PackagesTest, RefusesEachMistakeWithPlaceReasonAndRemedy) {
  for (const BadCase& bad : kBadCases) {
    ASSERT_THAT(kGood, HasSubstr(bad.from));
    const auto cluster = Parse(absl::StrReplaceAll(kGood, {{bad.from, bad.to}}));
    EXPECT_EQ(cluster.status().code(), absl::StatusCode::kInvalidArgument) << bad.to;
    EXPECT_THAT(Message(cluster.status()), HasSubstr("/home/bpa/cluster.yaml:")) << bad.to;
    EXPECT_THAT(Message(cluster.status()), HasSubstr(bad.message)) << bad.to;
  }
}

TEST(PackagesTest, RefusesAMountPointWithinAPackage) {
  const auto cluster = Parse(
      absl::StrReplaceAll(kGood, {{"/opt: vol-", "/opt/bpa/extra/disk: vol-"},
                                  {"{/opt: {filesystem", "{/opt/bpa/extra/disk: {filesystem"}}));
  EXPECT_THAT(Message(cluster.status()),
              HasSubstr("'/opt/bpa/extra' would hold the mount point '/opt/bpa/extra/disk': a "
                        "package is a directory of its own, beneath the volume"));
}

TEST(PackagesTest, RefusesMorePackagesThanANodeTakes) {
  std::string list = "packages:\n";
  for (int i = 0; i < 16; ++i) {
    absl::StrAppend(&list, "  - {source: /a, destination: /p", i, "}\n");
  }
  const std::string sixteen =
      absl::StrReplaceAll(kGood, {{"packages:\n  - source: ../releases/bpa-5.1\n", list}});
  EXPECT_THAT(Message(Parse(sixteen).status()),
              HasSubstr("role 'data' has 17 packages; at most 16"));
  const std::string own =
      absl::StrReplaceAll(sixteen, {{"  - {source: /a, destination: /p0}\n", ""}});
  EXPECT_TRUE(Parse(own).ok()) << Parse(own).status();
}

}  // namespace
}  // namespace bpa::controller

#include "controller/cluster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace bpa::controller {
namespace {

constexpr char kGood[] = R"(cluster: bpa-prod
nodes:
  node-1:
    address: 10.0.1.11
    role: data
    volumes: {/opt: vol-0123456789abcdef0}
  node-2:
    address: "[fd00::12]:7000"
    role: data
    volumes:
      /opt: /dev/nvme1n1
  node-3: {address: "worker.example:7443", role: bare}
roles:
  data:
    volumes:
      /opt: {filesystem: xfs, existing_content: migrate, format: if-blank, grow: true,
             mount_options: "noatime,logbsize=256k", attach_timeout: 2m, device_timeout: 30s}
    directories:
      /opt/data: {reset: allowed}
      /opt/data/kafka: {mode: "0777", owner: kafka, group: "1000"}
      /opt/data/elk: {}
    sysctls:
      vm.max_map_count: {at_least: 262144}
      kernel.core_pattern: {exactly: core %p}
  bare:
    sysctls: {vm.swappiness: {exactly: 1}}
)";

std::string Message(const absl::Status& status) { return std::string(status.message()); }

TEST(ClusterTest, ReadsNodesInOrderWithNormalAddresses) {
  const auto cluster = ParseCluster(kGood, "cluster.yaml");
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  EXPECT_EQ(cluster->name, "bpa-prod");
  ASSERT_EQ(cluster->nodes.size(), 3u);
  EXPECT_EQ(cluster->nodes[0].name, "node-1");
  EXPECT_EQ(cluster->nodes[0].address, "10.0.1.11:7443");
  EXPECT_EQ(cluster->nodes[0].role, "data");
  ASSERT_EQ(cluster->nodes[0].volumes.size(), 1u);
  EXPECT_EQ(cluster->nodes[0].volumes[0].mount_point(), "/opt");
  EXPECT_EQ(cluster->nodes[0].volumes[0].ebs_volume_id(), "vol-0123456789abcdef0");
  EXPECT_EQ(cluster->nodes[1].address, "[fd00::12]:7000");
  EXPECT_EQ(cluster->nodes[1].volumes[0].device_path(), "/dev/nvme1n1");
  EXPECT_EQ(cluster->nodes[2].address, "worker.example:7443");
  EXPECT_TRUE(cluster->nodes[2].volumes.empty());
}

TEST(ClusterTest, ReadsEverythingARoleCanSay) {
  const auto cluster = ParseCluster(kGood, "cluster.yaml");
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  ASSERT_EQ(cluster->roles.size(), 2u);
  v1::Role wanted;
  wanted.set_name("data");
  v1::Volume* volume = wanted.add_volumes();
  volume->set_mount_point("/opt");
  volume->set_filesystem(v1::FILESYSTEM_TYPE_XFS);
  volume->set_existing_content(v1::EXISTING_CONTENT_MIGRATE);
  volume->set_format_if_blank(true);
  volume->set_grow(true);
  volume->set_mount_options("noatime,logbsize=256k");
  volume->set_attach_timeout_seconds(120);
  volume->set_device_timeout_seconds(30);
  v1::Directory* data = wanted.add_directories();
  data->set_path("/opt/data");
  data->set_reset(true);
  v1::Directory* kafka = wanted.add_directories();
  kafka->set_path("/opt/data/kafka");
  kafka->set_mode(0777);
  kafka->set_owner("kafka");
  kafka->set_group("1000");
  wanted.add_directories()->set_path("/opt/data/elk");
  v1::Sysctl* maps = wanted.add_sysctls();
  maps->set_name("vm.max_map_count");
  maps->set_at_least(262144);
  v1::Sysctl* pattern = wanted.add_sysctls();
  pattern->set_name("kernel.core_pattern");
  pattern->set_exactly("core %p");
  EXPECT_EQ(cluster->roles[0].DebugString(), wanted.DebugString());
  EXPECT_EQ(cluster->roles[1].sysctls(0).exactly(), "1");
}

TEST(ClusterTest, UnitsThatMustNotStartWithoutTheVolumeAreNamedInFstabsOptions) {
  const auto options = [](const std::string& volume) {
    const auto cluster = ParseCluster(
        absl::StrCat(
            "cluster: c\nnodes: {n: {address: a, role: r, volumes: {/opt: vol-01234567}}}\n"
            "roles: {r: {volumes: {/opt: {",
            volume, "}}}}\n"),
        "cluster.yaml");
    return cluster.ok() ? cluster->roles[0].volumes(0).mount_options() : Message(cluster.status());
  };
  EXPECT_EQ(options("filesystem: xfs, required_by: [kubelet.service]"),
            "defaults,x-systemd.wanted-by=local-fs.target,x-systemd.required-by=kubelet.service,"
            "x-systemd.before=kubelet.service");
  EXPECT_EQ(
      options("filesystem: xfs, mount_options: noatime, required_by: [a.target, b@c.service]"),
      "noatime,x-systemd.wanted-by=local-fs.target,x-systemd.required-by=a.target,"
      "x-systemd.before=a.target,x-systemd.required-by=b@c.service,x-systemd.before=b@c.service");
  EXPECT_EQ(options("filesystem: xfs, required_by: []"), "");
  EXPECT_THAT(options("filesystem: xfs, required_by: [kubelet]"),
              testing::HasSubstr("'kubelet' is no service or target, such as kubelet.service"));
  EXPECT_THAT(options("filesystem: xfs, required_by: ['x.service,suid']"),
              testing::HasSubstr("is no service or target"));
}

TEST(ClusterTest, LeavesWhatIsNotSaidAtItsSafeDefault) {
  const auto cluster = ParseCluster(
      "cluster: c\nnodes: {n: {address: a, role: r, volumes: {/data: vol-01234567}}}\n"
      "roles: {r: {volumes: {/data: {filesystem: ext4}}}}\n",
      "cluster.yaml");
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  const v1::Volume& volume = cluster->roles[0].volumes(0);
  EXPECT_EQ(volume.filesystem(), v1::FILESYSTEM_TYPE_EXT4);
  EXPECT_EQ(volume.existing_content(), v1::EXISTING_CONTENT_REFUSE);
  EXPECT_FALSE(volume.format_if_blank());
  EXPECT_FALSE(volume.grow());
  EXPECT_EQ(volume.device_timeout_seconds(), 0u);
}

// One edit of kGood, and the whole message that it must cause.
struct BadCase {
  const char* from;
  const char* to;
  const char* message;
};

const BadCase kBadCases[] = {
#include "tests/controller/cluster_bad_cases.inc"
};

TEST(ClusterTest, RefusesEachMistakeWithPlaceReasonAndRemedy) {
  for (const BadCase& bad : kBadCases) {
    const std::string good = kGood;
    ASSERT_NE(good.find(bad.from), std::string::npos) << bad.from;
    const std::string text = absl::StrReplaceAll(good, {{bad.from, bad.to}});
    const auto cluster = ParseCluster(text, "cluster.yaml");
    ASSERT_FALSE(cluster.ok()) << bad.to;
    EXPECT_EQ(cluster.status().code(), absl::StatusCode::kInvalidArgument) << bad.to;
    EXPECT_EQ(Message(cluster.status()), bad.message) << "after writing: " << bad.to;
  }
}

std::string ManyDirectories(int count, size_t length) {
  std::string text = "cluster: c\nnodes: {n: {address: a, role: r}}\nroles: {r: {directories: {";
  for (int i = 0; i < count; ++i) {
    const std::string number = absl::StrCat(i);
    // Components of at most 200 bytes.
    std::string path = absl::StrCat("/", number);
    while (path.size() < length) {
      path.append("/").append(std::min<size_t>(200, length - path.size()), 'x');
    }
    absl::StrAppend(&text, i == 0 ? "" : ",\n  ", path, ": {}");
  }
  return text + "}}}\n";
}

TEST(ClusterTest, AcceptsAsManyDirectoriesAsTheExecutorDoesAndNotOneMore) {
  EXPECT_TRUE(ParseCluster(ManyDirectories(256, 8), "cluster.yaml").ok());
  const auto more = ParseCluster(ManyDirectories(257, 8), "cluster.yaml");
  EXPECT_EQ(Message(more.status()),
            "cluster.yaml:3:26: roles.r.directories: 257 entries, allowed are 256");
}

TEST(ClusterTest, RefusesARoleWhoseReportWouldNotFitIntoAnEnvelope) {
  const auto more = ParseCluster(ManyDirectories(100, 700), "cluster.yaml");
  ASSERT_FALSE(more.ok());
  EXPECT_THAT(Message(more.status()),
              testing::HasSubstr("its paths and names are 70000 bytes together; at most 65536"));
}

TEST(SelectNodesTest, ReturnsAllWithoutNamesAndTheNamedInTheClustersOrder) {
  const auto cluster = ParseCluster(kGood, "cluster.yaml");
  ASSERT_TRUE(cluster.ok());
  EXPECT_EQ(SelectNodes(*cluster, {})->size(), 3u);
  const auto some = SelectNodes(*cluster, {"node-3", "node-1", "node-3"});
  ASSERT_TRUE(some.ok());
  ASSERT_EQ(some->size(), 2u);
  EXPECT_EQ((*some)[0].name, "node-1");
  EXPECT_EQ((*some)[1].name, "node-3");
}

TEST(SelectNodesTest, NamesTheUnknownOneAndSuggests) {
  const auto cluster = ParseCluster(kGood, "cluster.yaml");
  ASSERT_TRUE(cluster.ok());
  const auto near = SelectNodes(*cluster, {"node-1", "nod-2"});
  EXPECT_EQ(near.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Message(near.status()),
            "cluster 'bpa-prod' has no node 'nod-2'; did you mean 'node-2'?");
  const auto far = SelectNodes(*cluster, {"elephant"});
  EXPECT_EQ(Message(far.status()),
            "cluster 'bpa-prod' has no node 'elephant'; it has node-1, node-2, node-3");
}

}  // namespace
}  // namespace bpa::controller

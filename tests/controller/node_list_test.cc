#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "controller/cluster.h"
#include "controller/cluster_template.h"
#include "controller/nodes_import.h"
#include "controller/verb.h"
#include "tests/controller/run_bpactl.h"
#include "tests/controller/scratch.h"

namespace bpa::controller {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// As kubectl prints one, with what does not matter here left out.
std::string Item(const std::string& label, const std::string& address) {
  return absl::StrCat(
      R"({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "ip-)",
      absl::StrReplaceAll(address, {{".", "-"}}), R"(.ec2.internal", "labels": {)",
      label.empty() ? "" : absl::StrCat(R"("name": ")", label, R"(", )"),
      R"("kubernetes.io/os": "linux"}}, "spec": {"providerID": "aws:///us-east-1a/i-0abc123"},
      "status": {"addresses": [{"type": "Hostname", "address": "x"},
                               {"type": "InternalIP", "address": ")",
      address, R"("}]}})");
}
std::string List(const std::vector<std::string>& items) {
  std::string text = R"({"kind": "List", "items": [)";
  for (size_t i = 0; i < items.size(); ++i) absl::StrAppend(&text, i == 0 ? "" : ",", items[i]);
  return text + "]}";
}
ImportedNode Imported(const std::string& name, const std::string& address) {
  return {
      .name = name, .address = address, .role = "bpa-node-2", .instance_id = "i-1", .zone = "z"};
}

TEST(NodeListTest, TakesNameAddressRoleAndInstance) {
  const auto nodes = ParseNodeList(List({Item("node-2", "10.0.1.12"), Item("", "10.0.1.13")}));
  ASSERT_TRUE(nodes.ok()) << nodes.status();
  ASSERT_EQ(nodes->size(), 2u);
  EXPECT_EQ((*nodes)[0].name, "node-2");
  EXPECT_EQ((*nodes)[0].address, "10.0.1.12:7443");
  EXPECT_EQ((*nodes)[0].role, "bpa-node-2");
  EXPECT_EQ((*nodes)[0].instance_id, "i-0abc123");
  EXPECT_EQ((*nodes)[0].zone, "us-east-1a");
  EXPECT_EQ((*nodes)[1].name, "ip-10-0-1-13.ec2.internal");
  EXPECT_EQ((*nodes)[1].role, "");
}

TEST(NodeListTest, RefusesWhatIsNoListAndNamesWhatIsMissing) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "expected the JSON of a NodeList"},
      {"{", "expected the JSON of a NodeList"},
      {"[]", "expected the JSON of a NodeList"},
      {R"({"items": {}})", "expected the JSON of a NodeList"},
      {List({}), "the list has 0 nodes"},
      {List({"7"}), "an item that is no object"},
      {List({"{}"}), "its name '' "},
      {List({Item("NODE", "10.0.1.1")}), "its label name 'NODE' may only hold"},
      {List({Item("node-1", "10.0.1.999")}), "its InternalIP '10.0.1.999'"},
      {List({Item("node-1", "10.0.1.1"), Item("node-1", "10.0.1.2")}), "two nodes are called"},
      {List({Item("node-1", "10.0.1.1"), Item("node-2", "10.0.1.1")}), "have one address"},
      {std::string(100000, '['), "expected the JSON"},
  };
  for (const auto& [text, complaint] : cases) {
    const auto nodes = ParseNodeList(text);
    EXPECT_FALSE(nodes.ok()) << text.substr(0, 100);
    EXPECT_THAT(std::string(nodes.status().message()), HasSubstr(complaint));
  }
  EXPECT_EQ(ParseNodeList(std::string(kMaxNodeListBytes + 1, ' ')).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(AddNodesTest, AddsWhatIsMissingAndKeepsEveryByte) {
  const std::string before =
      "# mine\ncluster: c   # odd\n\nnodes:  # these\n    # first\n    node-1: {address: 10.0.1.11,"
      " role: r, volumes: {/opt: vol-01234567}}\n    # last\n\n# the rest\nroles:\n  r: {}\n";
  const auto result =
      AddNodes(before, "cluster.yaml",
               {Imported("node-1", "10.0.1.11:7443"), Imported("node-2", "10.0.1.12:7443")});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->added, ElementsAre("node-2"));
  EXPECT_THAT(result->present, ElementsAre("node-1"));
  const std::string added =
      "    node-2:\n      address: 10.0.1.12:7443\n      role: bpa-node-2\n"
      "      # volumes: {/opt: vol-...}   fill in the EBS volume's id of i-1 in z\n";
  EXPECT_EQ(result->text, absl::StrReplaceAll(before, {{"# last\n", "# last\n" + added}}));
  // Again: nothing.
  EXPECT_EQ(AddNodes(result->text, "c", {Imported("node-2", "10.0.1.12:7443")})->text,
            result->text);
}

TEST(AddNodesTest, AddsToTheFileThatInitWrites) {
  const auto result =
      AddNodes(RenderCluster("c", {}), "cluster.yaml", {Imported("node-2", "10.0.1.12:7443")});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(std::string(ParseCluster(result->text, "cluster.yaml").status().message()),
              HasSubstr("no volume for '/opt', which role 'bpa-node-2' mounts"));
  const std::string complete = absl::StrReplaceAll(
      result->text,
      {{"# volumes: {/opt: vol-...}   fill", "volumes: {/opt: vol-01234567}  # fill"}});
  EXPECT_TRUE(ParseCluster(complete, "cluster.yaml").ok());
}

TEST(AddNodesTest, RefusesContradictionsByNamingBothSides) {
  const std::string text = "nodes:\n  node-1: {address: 10.0.1.11}\n";
  EXPECT_THAT(
      std::string(AddNodes(text, "c", {Imported("node-1", "10.0.9.9:7443")}).status().message()),
      AllOf(HasSubstr("10.0.1.11:7443 in c"), HasSubstr("10.0.9.9:7443 in Kubernetes")));
  EXPECT_THAT(
      std::string(AddNodes(text, "c", {Imported("node-2", "10.0.1.11:7443")}).status().message()),
      AllOf(HasSubstr("'node-1' in c"), HasSubstr("'node-2' in Kubernetes")));
}

TEST(AddNodesTest, RefusesAFileThatItCannotAddTo) {
  for (const char* text : {"nodes: {node-1: {address: 10.0.1.11}}\n", "cluster: c\n",
                           "a: \"\nnodes:\n  \"\nnodes: {node-1: {address: 10.0.1.11}}\n"}) {
    EXPECT_EQ(AddNodes(text, "c", {Imported("node-2", "10.0.1.12:7443")}).status().code(),
              absl::StatusCode::kInvalidArgument)
        << text;
  }
}

TEST(NodesImportTest, ReadsStandardInputAndSaysWhatIsToBeCompleted) {
  Scratch scratch;
  const std::string home = scratch / "home";
  ASSERT_EQ(Bpactl({"--home", home, "init", "--cluster", "c"}).exit_code, kExitConverged);
  const std::string list = List({Item("node-1", "10.0.1.11"), Item("node-4", "10.0.1.14")});
  const Ran ran = Bpactl({"--home", home, "nodes", "import"}, list);
  EXPECT_EQ(ran.exit_code, kExitConverged) << ran.err;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("added node-1\nadded node-4\n"),
                             HasSubstr("To be completed in " + home + "/cluster.yaml"),
                             HasSubstr("no volume for '/opt'")));
  WriteFile(scratch / "list.json", list);
  EXPECT_THAT(Bpactl({"--home", home, "nodes", "import", scratch / "list.json"}).out,
              HasSubstr("node-1 was there\nnode-4 was there\n"));
  EXPECT_EQ(Bpactl({"--home", home, "nodes", "import", "/nowhere"}).exit_code, kExitUsage);
}

}  // namespace
}  // namespace bpa::controller

#include "controller/package_history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "bpa/v1/report.pb.h"
#include "proto/envelope.h"
#include "tests/status_matchers.h"
#include "tests/temporary_directory.h"

namespace bpa::controller {
namespace {

using ::bpa::testing::IsOk;
using ::bpa::testing::StatusIs;
using ::bpa::testing::TemporaryDirectory;
using ::testing::HasSubstr;

constexpr char kDestination[] = "/opt/bpa/packages";

class PackageHistoryTest : public ::testing::Test {
 protected:
  // A command that was sent to `nodes`, and what they reported.
  void Sent(const std::string& label, const std::vector<std::string>& nodes,
            v1::Mode mode = v1::MODE_APPLY,
            v1::ResourceStatus status = v1::RESOURCE_STATUS_CHANGED) {
    v1::Command command;
    command.set_id(absl::StrCat("019300000000", ++commands_));
    command.set_mode(mode);
    v1::Role* role = command.add_roles();
    role->set_name("role");
    v1::Package* package = role->add_packages();
    package->set_destination(kDestination);
    package->set_label(label);
    package->set_manifest_sha256(label);
    v1::Report report;
    v1::ResourceResult* resource = report.add_resources();
    resource->set_kind(v1::RESOURCE_KIND_PACKAGE);
    resource->set_name(kDestination);
    resource->set_status(status);
    for (const std::string& node : nodes) {
      v1::Target* target = command.add_targets();
      target->set_node(node);
      target->set_role("role");
    }
    ASSERT_THAT(home_.SaveCommand(command.id(), Wrap(kCommandPayloadType, command)), IsOk());
    for (const std::string& node : nodes) {
      ASSERT_THAT(home_.SaveReport(command.id(), node, Wrap(kReportPayloadType, report)), IsOk());
    }
  }
  template <typename Message>
  static std::string Wrap(std::string_view type, const Message& message) {
    return EncodeEnvelope(
               {.payload_type = std::string(type), .payload = message.SerializeAsString()})
        .value();
  }
  absl::StatusOr<v1::Package> Previous(const std::vector<std::string>& names) {
    std::vector<Node> nodes;
    for (const std::string& name : names) nodes.push_back({.name = name});
    return PreviousPackage(home_, nodes, kDestination);
  }

  const TemporaryDirectory directory_;
  const Home home_{directory_.path()};
  int commands_ = 100;
};

TEST_F(PackageHistoryTest, FindsWhatStoodBeforeWhatStandsNow) {
  Sent("5.0", {"node-1"});
  Sent("5.1", {"node-1"});
  Sent("5.2", {"node-1"});
  Sent("5.2", {"node-1"}, v1::MODE_APPLY, v1::RESOURCE_STATUS_UNCHANGED);
  EXPECT_EQ(Previous({"node-1"}).value().label(), "5.1");
}

TEST_F(PackageHistoryTest, CountsOnlyWhatWasPublished) {
  Sent("5.0", {"node-1"});
  Sent("5.1", {"node-1"});
  Sent("planned", {"node-1"}, v1::MODE_PLAN);
  Sent("failed", {"node-1"}, v1::MODE_APPLY, v1::RESOURCE_STATUS_FAILED);
  Sent("elsewhere", {"node-2"});
  EXPECT_EQ(Previous({"node-1"}).value().label(), "5.0");
}

TEST_F(PackageHistoryTest, GoesForthAgainAfterARollback) {
  Sent("5.0", {"node-1"});
  Sent("5.1", {"node-1"});
  Sent("5.0", {"node-1"});
  EXPECT_EQ(Previous({"node-1"}).value().label(), "5.1");
}

TEST_F(PackageHistoryTest, NamesANodeOfWhichNothingEarlierIsKnown) {
  EXPECT_THAT(Previous({"node-1"}), StatusIs(absl::StatusCode::kNotFound, HasSubstr("'node-1'")));
  Sent("5.0", {"node-1", "node-2"});
  Sent("5.1", {"node-1"});
  EXPECT_THAT(Previous({"node-1", "node-2"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("'node-2': no earlier package")));
}

TEST_F(PackageHistoryTest, AsksToRollNodesBackOneByOneWhenTheyHadDifferentPackages) {
  Sent("5.0", {"node-1"});
  Sent("5.1", {"node-2"});
  Sent("5.2", {"node-1", "node-2"});
  EXPECT_THAT(Previous({"node-1", "node-2"}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("one by one")));
  EXPECT_EQ(Previous({"node-1"}).value().label(), "5.0");
  EXPECT_EQ(Previous({"node-2"}).value().label(), "5.1");
}

TEST_F(PackageHistoryTest, PassesOverFilesThatCannotBeRead) {
  Sent("5.0", {"node-1"});
  Sent("5.1", {"node-1"});
  ASSERT_THAT(home_.SaveCommand("0193000000009", "damaged"), IsOk());
  EXPECT_EQ(Previous({"node-1"}).value().label(), "5.0");
}

}  // namespace
}  // namespace bpa::controller

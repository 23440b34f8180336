#include "agent/executor/applied_state.h"

#include <optional>
#include <string>

#include "gtest/gtest.h"

namespace bpa::executor {
namespace {

AppliedState Whole() {
  AppliedState state{.command_id = "first", .role = {}, .target = {}};
  state.role.set_name("bpa-node-1");
  for (const char* mount_point : {"/opt", "/var/data"}) {
    state.role.add_volumes()->set_mount_point(mount_point);
    state.target.add_volumes()->set_mount_point(mount_point);
  }
  state.role.add_directories()->set_path("/opt/bpa/data");
  state.role.add_sysctls()->set_name("vm.max_map_count");
  return state;
}

AppliedState OnlySysctls(bool partial) {
  AppliedState state{.command_id = "second", .role = {}, .target = {}};
  state.role.set_name("bpa-node-1");
  state.role.set_partial(partial);
  state.role.add_sysctls()->set_name("vm.swappiness");
  return state;
}

TEST(AppliedStateTest, AWholeRoleReplacesWhatWasWanted) {
  const AppliedState next = Succeed(Whole(), OnlySysctls(false));
  EXPECT_EQ(next.command_id, "second");
  EXPECT_EQ(next.role.sysctls_size(), 1);
  EXPECT_EQ(next.role.directories_size() + next.role.volumes_size(), 0);
}

TEST(AppliedStateTest, APartLeavesTheOtherKindsWanted) {
  const AppliedState next = Succeed(Whole(), OnlySysctls(true));
  ASSERT_EQ(next.role.sysctls_size(), 1);
  EXPECT_EQ(next.role.sysctls(0).name(), "vm.swappiness");
  EXPECT_EQ(next.role.directories_size(), 1);
  EXPECT_EQ(next.role.volumes_size(), 2);
  EXPECT_EQ(next.target.volumes_size(), 2);
}

TEST(AppliedStateTest, APartBringsOnlyTheVolumesThatItNeeds) {
  AppliedState part = OnlySysctls(true);
  v1::Volume& volume = *part.role.add_volumes();
  volume.set_mount_point("/opt");
  volume.set_mount_options("noatime");
  part.target.add_volumes()->set_mount_point("/opt");
  const AppliedState next = Succeed(Whole(), part);
  ASSERT_EQ(next.role.volumes_size(), 2);
  EXPECT_EQ(next.role.volumes(0).mount_options(), "noatime");
  EXPECT_EQ(next.role.volumes(1).mount_point(), "/var/data");
  EXPECT_EQ(next.target.volumes_size(), 2);
}

TEST(AppliedStateTest, APartOfAnotherRoleOrOfNoneStandsAlone) {
  AppliedState other = Whole();
  other.role.set_name("bpa-node-2");
  EXPECT_EQ(Succeed(other, OnlySysctls(true)).role.volumes_size(), 0);
  EXPECT_EQ(Succeed(std::nullopt, OnlySysctls(true)).role.sysctls_size(), 1);
}

TEST(AppliedStateTest, ForgetsTheReviewedPlan) {
  AppliedState next = Whole();
  next.target.mutable_reviewed_plan()->set_plan_id("plan");
  EXPECT_FALSE(Succeed(std::nullopt, next).target.has_reviewed_plan());
}

}  // namespace
}  // namespace bpa::executor

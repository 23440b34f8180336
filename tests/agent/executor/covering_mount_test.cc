#include "agent/executor/covering_mount.h"

#include "gtest/gtest.h"
#include "tests/fakes/fake_host.h"

namespace bpa::executor {
namespace {

TEST(CoveringMountTest, TheLastMountOnAPointIsTheOneThatIsSeen) {
  Faults faults;
  FakeHost host(faults);
  host.MountForeign("a", "/opt");
  host.MountForeign("b", "/opt");
  EXPECT_EQ(TopMount(*host.ReadMounts(), "/opt")->source, "b");
  EXPECT_EQ(TopMount(*host.ReadMounts(), "/op"), std::nullopt);
}

TEST(CoveringMountTest, WithoutAWantedVolumeNothingIsAsked) {
  Faults faults;
  FakeHost host(faults);
  const auto covering = FindCovering(host, "");
  EXPECT_TRUE(covering->known);
  EXPECT_FALSE(covering->device.has_value());
  EXPECT_EQ(faults.calls(), 0);
}

TEST(CoveringMountTest, AnUnmountedVolumeIsUnknown) {
  Faults faults;
  FakeHost host(faults);
  EXPECT_FALSE(FindCovering(host, "/opt")->known);
  const uint64_t device = host.MountForeign("a", "/opt").device;
  EXPECT_EQ(FindCovering(host, "/opt")->device, device);
}

TEST(CoveringMountTest, WhatLiesElsewhereIsRefused) {
  const Covering covering{.known = true, .device = 7};
  EXPECT_TRUE(CheckOnVolume(covering, "/opt/a", {.device = 7}, "/opt").ok());
  EXPECT_FALSE(CheckOnVolume(covering, "/opt/a", {.device = 8}, "/opt").ok());
  EXPECT_TRUE(CheckOnVolume(Covering{}, "/opt/a", {.device = 8}, "/opt").ok());
}

}  // namespace
}  // namespace bpa::executor

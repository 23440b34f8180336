#include "controller/forms.h"

#include <gtest/gtest.h>

#include <string>

#include "proto/limits.h"

namespace bpa::controller {
namespace {

std::string OfLength(size_t length) {
  std::string name(length, 'a');
  for (size_t i = 60; i + 1 < length; i += 60) name[i] = '.';
  return name;
}

TEST(FormsTest, NamesAreDnsNamesInLowerCase) {
  for (const std::string& good : {std::string("a"), std::string("0"), std::string("bpa-prod"),
                                  std::string("node-1.eu-west-1.compute.internal"),
                                  std::string(63, 'a'), OfLength(kMaxNameBytes)}) {
    EXPECT_EQ(NameProblem(good), "") << good;
  }
  for (const std::string& bad :
       {std::string(), std::string("A"), std::string("a_b"), std::string("-a"), std::string("a-"),
        std::string(".a"), std::string("a."), std::string("a..b"), std::string("a/b"),
        std::string("a b"), std::string("a\n"), std::string("\xc3\xa4"), std::string(64, 'a'),
        OfLength(kMaxNameBytes + 1)}) {
    EXPECT_NE(NameProblem(bad), "") << bad;
  }
}

TEST(FormsTest, PathsAreAbsoluteAndNormal) {
  const std::string longest = "/" + std::string(255, 'a') + "/" + std::string(255, 'b') + "/" +
                              std::string(255, 'c') + "/" + std::string(255, 'd');
  ASSERT_EQ(longest.size(), kMaxPathBytes);
  for (const std::string& good :
       {std::string("/a"), std::string("/opt/bpa/data"), std::string("/with space/..."), longest}) {
    EXPECT_EQ(PathProblem(good), "") << good;
  }
  for (const std::string& bad :
       {std::string(), std::string("/"), std::string("a"), std::string("./a"), std::string("/a/"),
        std::string("//a"), std::string("/a//b"), std::string("/./a"), std::string("/a/.."),
        std::string("/../a"), std::string("/a\nb"), std::string("/a\0b", 4),
        "/" + std::string(256, 'a'), longest + "e"}) {
    EXPECT_NE(PathProblem(bad), "") << bad;
  }
}

TEST(FormsTest, VolumesAreEbsIdsOrDevices) {
  EXPECT_EQ(VolumeIdProblem("vol-0123456789abcdef0"), "");
  EXPECT_EQ(VolumeIdProblem("vol-01234567"), "");
  for (const char* bad : {"", "vol-", "vol-0123456", "vol-012345678", "vol-0123456789abcdef01",
                          "vol-0123456789ABCDEF0", "VOL-01234567", "snap-01234567"}) {
    EXPECT_NE(VolumeIdProblem(bad), "") << bad;
  }
  EXPECT_EQ(DevicePathProblem("/dev/nvme1n1"), "");
  EXPECT_EQ(DevicePathProblem("/dev/disk/by-id/x"), "");
  for (const char* bad : {"", "/dev", "/dev/", "dev/sda", "/devices/sda", "/dev/../etc/passwd"}) {
    EXPECT_NE(DevicePathProblem(bad), "") << bad;
  }
}

TEST(FormsTest, SysctlsAreDottedNamesWithFoldedValues) {
  for (const char* good : {"vm.max_map_count", "net.ipv4.conf.eth0.rp_filter", "fs.x-y"}) {
    EXPECT_EQ(SysctlNameProblem(good), "") << good;
  }
  for (const char* bad :
       {"", "vm", ".vm.x", "vm.x.", "vm..x", "vm/x", "../x.y", "vm.x y", "vm.*"}) {
    EXPECT_NE(SysctlNameProblem(bad), "") << bad;
  }
  EXPECT_EQ(SysctlValueProblem("4 4 1 7"), "");
  for (const char* bad : {"", " 1", "1 ", "1  2", "1\t2", "1\n"}) {
    EXPECT_NE(SysctlValueProblem(bad), "") << bad;
  }
  EXPECT_EQ(SysctlValueProblem(std::string(kMaxSysctlValueBytes, '1')), "");
  EXPECT_NE(SysctlValueProblem(std::string(kMaxSysctlValueBytes + 1, '1')), "");
}

TEST(FormsTest, AccountsAreNamesOrNumbers) {
  for (const char* good : {"root", "1000", "_apt", "svc-bpa", "first.last", "machine$"}) {
    EXPECT_EQ(AccountProblem(good), "") << good;
  }
  for (const char* bad : {"", "-x", ".x", "$", "a$$", "a b", "a:b", "a/b", "\xc3\xa4"}) {
    EXPECT_NE(AccountProblem(bad), "") << bad;
  }
  EXPECT_EQ(AccountProblem(std::string(kMaxAccountBytes, 'a')), "");
  EXPECT_NE(AccountProblem(std::string(kMaxAccountBytes + 1, 'a')), "");
}

TEST(FormsTest, MountOptionsAreAListWithoutTheAgentsOwn) {
  for (const char* good :
       {"noatime", "noatime,logbsize=256k", "x-systemd.before=kubelet.service"}) {
    EXPECT_EQ(MountOptionsProblem(good), "") << good;
  }
  for (const char* bad : {"", "a,,b", ",a", "a,", "a b", "a\tb", "a#b", "a\\040b", "nofail",
                          "noatime,nofail", "x-systemd.device-timeout=1", "x-bpa.volume=x"}) {
    EXPECT_NE(MountOptionsProblem(bad), "") << bad;
  }
  EXPECT_EQ(MountOptionsProblem(std::string(kMaxMountOptionsBytes, 'a')), "");
  EXPECT_NE(MountOptionsProblem(std::string(kMaxMountOptionsBytes + 1, 'a')), "");
}

TEST(FormsTest, AddressesGetTheirPortAndLoseNothing) {
  const std::pair<const char*, const char*> good[] = {
      {"10.0.1.11", "10.0.1.11:7443"}, {"10.0.1.11:1", "10.0.1.11:1"},
      {"host", "host:7443"},           {"host.example:65535", "host.example:65535"},
      {"[fd00::1]", "[fd00::1]:7443"}, {"[::1]:8443", "[::1]:8443"},
  };
  for (const auto& [text, normal] : good) {
    const auto address = NormalAddress(text);
    ASSERT_TRUE(address.ok()) << text << ": " << address.status();
    EXPECT_EQ(*address, normal);
    EXPECT_EQ(*NormalAddress(*address), normal) << "normal already";
  }
  for (const char* bad : {"",          ":7443",    "10.0.1",        "10.0.1.256",
                          "1.2.3.4.5", "host:",    "host:0",        "host:65536",
                          "host:+1",   "host:0x1", "host: 1",       "Host",
                          "fd00::1",   "[fd00::1", "[10.0.1.11]:1", "[fd00::1]7443",
                          "[]:1",      "a/b",      "host:1:2",      "host:99999999999999999999"}) {
    EXPECT_FALSE(NormalAddress(bad).ok()) << bad;
  }
  EXPECT_EQ(AddressHost("10.0.1.11:7443"), "10.0.1.11");
  EXPECT_EQ(AddressHost("[fd00::1]:7443"), "fd00::1");
  EXPECT_EQ(AddressHost("host.example:1"), "host.example");
}

TEST(FormsTest, BeneathMeansAtAComponentsBorder) {
  EXPECT_TRUE(IsAtOrBeneath("/opt", "/opt"));
  EXPECT_TRUE(IsAtOrBeneath("/opt/bpa", "/opt"));
  EXPECT_FALSE(IsAtOrBeneath("/optional", "/opt"));
  EXPECT_FALSE(IsAtOrBeneath("/opt", "/opt/bpa"));
}

}  // namespace
}  // namespace bpa::controller

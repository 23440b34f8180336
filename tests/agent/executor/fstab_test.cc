#include "agent/executor/fstab.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bpa::executor {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kUuid[] = "UUID=6ba7b810-9dad-41d1-80b4-00c04fd430c8";
constexpr char kOurLine[] =
    "UUID=6ba7b810-9dad-41d1-80b4-00c04fd430c8 /opt xfs "
    "defaults,nofail,x-systemd.device-timeout=90,x-bpa.volume=vol-0abc 0 0";

OwnMount Opt() {
  return {.spec = kUuid, .mount_point = "/opt", .type = "xfs", .options = "", .volume = "vol-0abc"};
}

TEST(FstabTest, OurLineNeverHangsABootAndNamesItsVolume) { EXPECT_EQ(FstabLine(Opt()), kOurLine); }

TEST(FstabTest, Ext4IsCheckedAfterTheRootAndOptionsComeFirst) {
  OwnMount mount = Opt();
  mount.type = "ext4";
  mount.options = "noatime,discard";
  mount.device_timeout_seconds = 30;
  EXPECT_EQ(FstabLine(mount), absl::StrCat(kUuid,
                                           " /opt ext4 noatime,discard,nofail,x-systemd."
                                           "device-timeout=30,x-bpa.volume=vol-0abc 0 2"));
}

TEST(FstabTest, EscapesWhatWouldEndAField) {
  OwnMount mount = Opt();
  mount.mount_point = "/a b\tc\\d";
  EXPECT_THAT(FstabLine(mount), HasSubstr(" /a\\040b\\011c\\134d xfs "));
  const auto edit = SetOwnMount("", mount);
  ASSERT_TRUE(edit.ok()) << edit.status();
  EXPECT_EQ(ParseFstab(edit->text)->front().mount_point, mount.mount_point);
}

// Each file is foreign to us, and well-formed: our line is added and not a byte is changed.
TEST(FstabTest, KeepsEveryForeignByteWhenAddingAnEntry) {
  const std::string files[] = {
      "",
      "\n",
      "# only a comment",
      "  \t # an indented comment\n\n\n",
      "/dev/sda1 / ext4 defaults 0 1\n",
      "/dev/sda1 / ext4 defaults\n",
      "/dev/sda1 / ext4 defaults 0\n",
      "/dev/sda1\t/\text4\tdefaults\t0\t1   \t\n",
      "   /dev/sda1 / ext4 defaults 0 1",
      "/dev/sda1 / ext4 defaults 0 1\r\n# CRLF\r\n",
      "UUID=1 /a\\040b vfat uid=0,x=a#b 0 0\n",
      "/dev/sda2 none swap sw 0 0\n//server/s /mnt cifs credentials=/etc/c 0 0",
      "/dev/sda1 / ext4 defaults 0 1 # the root\n",
      "UUID=1 /optional xfs defaults 0 0\nUUID=2 /opt/sub xfs defaults 0 0\n",
  };
  for (const std::string& file : files) {
    const auto edit = SetOwnMount(file, Opt());
    ASSERT_TRUE(edit.ok()) << file << edit.status();
    EXPECT_THAT(edit->text, StartsWith(file));
    EXPECT_THAT(edit->text, HasSubstr(kOurLine));
    EXPECT_EQ(edit->before, "");
    EXPECT_EQ(edit->text.ends_with('\n'), file.empty() || file.ends_with('\n'));
    const auto again = SetOwnMount(edit->text, Opt());
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->text, edit->text);
    EXPECT_EQ(again->before, again->after);
  }
}

TEST(FstabTest, ReplacesOnlyOurOwnLineWhereItStands) {
  const std::string before =
      "# head\nUUID=old /opt xfs defaults,x-bpa.volume=vol-0old 0 0\n/dev/sda1 / ext4 defaults";
  const auto edit = SetOwnMount(before, Opt());
  ASSERT_TRUE(edit.ok()) << edit.status();
  EXPECT_EQ(edit->before, "UUID=old /opt xfs defaults,x-bpa.volume=vol-0old 0 0");
  EXPECT_EQ(edit->text, absl::StrCat("# head\n", kOurLine, "\n/dev/sda1 / ext4 defaults"));
}

TEST(FstabTest, RefusesByLineWhatItCannotEditSafely) {
  struct Case {
    const char* text;
    const char* message;
  };
  const Case cases[] = {
      {"# ok\n/dev/sda1 / ext4\n", "line 2 is malformed: 3 fields"},
      {"/dev/sda1\n", "line 1 is malformed: 1 fields"},
      {"/dev/sda1 / ext4 defaults 0 1 2\n", "line 1 is malformed: 7 fields"},
      {"/dev/sda1 / ext4 defaults zero 1\n", "line 1 is malformed: field 5 is not a number"},
      {"/dev/sda1 / ext4 defaults 0 -1\n", "field 6 is not a number"},
      {"/dev/sda1 / ext4 defaults 0 9999999999\n", "field 6 is not a number"},
      {"/dev/sda1 /a\\b ext4 defaults 0 0\n", "field 2 has a backslash"},
      {"/dev/sda1 /a\\ ext4 defaults 0 0\n", "field 2 has a backslash"},
      {"/dev/sda1 /a\\04 ext4 defaults 0 0\n", "field 2 has a backslash"},
      {"\nUUID=9 /opt xfs defaults 0 0\n", "line 2 already mounts UUID=9 on /opt"},
      {"UUID=9 /opt/ xfs defaults 0 0\n", "line 1 already mounts UUID=9 on /opt"},
      {"UUID=9 /opt xfs y-x-bpa.volume=1 0 0\n", "this agent did not write it: remove that line"},
      {"UUID=6BA7B810-9DAD-41D1-80B4-00C04FD430C8 /data xfs defaults\n",
       "line 1 already mounts the same filesystem"},
      {"UUID=1 /opt xfs x-bpa.volume=a\nUUID=2 /opt xfs x-bpa.volume=b\n",
       "line 2 repeats line 1 for /opt"},
  };
  for (const Case& bad : cases) {
    const auto edit = SetOwnMount(bad.text, Opt());
    EXPECT_TRUE(absl::IsFailedPrecondition(edit.status())) << bad.text;
    EXPECT_THAT(std::string(edit.status().message()), HasSubstr(bad.message)) << bad.text;
    EXPECT_THAT(std::string(edit.status().message()), HasSubstr("then run again")) << bad.text;
  }
}

TEST(FstabTest, RefusesANul) {
  const std::string text("/dev/sda1 / ext4 de\0faults 0 0\n", 31);
  EXPECT_THAT(std::string(ParseFstab(text).status().message()), HasSubstr("holds a NUL"));
}

TEST(FstabTest, BoundsSizeAndLines) {
  EXPECT_TRUE(ParseFstab(std::string(kMaxFstabLines, '\n')).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(ParseFstab(std::string(kMaxFstabLines + 1, '\n')).status()));
  EXPECT_TRUE(ParseFstab(std::string(kMaxFstabBytes, '#')).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(ParseFstab(std::string(kMaxFstabBytes + 1, '#')).status()));
}

}  // namespace
}  // namespace bpa::executor

// The whole way of a package, on real filesystems.
#include "agent/executor/package/package_resource.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/agent/executor/package/package_machine.h"

namespace bpa::executor {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

void MakeTree(const PackageMachine& machine) {
  fs::create_directories(machine.In("images/deep/er"));
  fs::create_directories(machine.In("empty"));
  WriteFile(machine.In("images/big.tar"), Noise(1, 3 << 20));
  WriteFile(machine.In("images/deep/er/small"), "hello\n");
  WriteFile(machine.In("none"), "");
  WriteFile(machine.In("a b\nc"), "name with a newline");
  WriteFile(machine.In("\xff\xfe"), "not UTF-8");
  WriteFile(machine.In(std::string(255, 'n')), "long");
  fs::create_symlink("../../etc/passwd", machine.In("up"));
  fs::create_symlink("/etc/passwd", machine.In("absolute"));
  Shell("chmod 0640 '" + machine.In("images/big.tar") + "'; chmod 0500 '" +
        machine.In("images/deep") + "'; touch -d '2001-02-03 04:05:06.789' '" +
        machine.In("images/deep/er/small") + "' '" + machine.In("empty") +
        "'; touch -h -d 2002-01-01 '" + machine.In("up") + "'");
}

class PackageTest : public testing::TestWithParam<const char*> {
 protected:
  PackageMachine machine_{GetParam()};
};

TEST_P(PackageTest, PublishesATreeExactlyAsItsSourceIs) {
  MakeTree(machine_);
  ASSERT_THAT(machine_.Stage("8.1"), IsOk());
  EXPECT_EQ(Look(machine_.destination()), Look(machine_.source()));
  EXPECT_FALSE(fs::exists(machine_.store() + "/incoming"));
  EXPECT_FALSE(fs::exists(machine_.store() + "/previous"));
}

TEST_P(PackageTest, ShowsWhatWillBePublishedAndThenNothing) {
  MakeTree(machine_);
  const v1::Package package = machine_.Package("8.1");
  const auto planned = machine_.Observe(package);
  ASSERT_THAT(planned, IsOk());
  ASSERT_EQ(planned->size(), 1U);
  EXPECT_EQ(planned->at(0).aspect, "packages");
  EXPECT_EQ(planned->at(0).before, "nothing");
  EXPECT_THAT(planned->at(0).after, testing::MatchesRegex("8\\.1 \\([0-9a-f]{12}\\)"));
  EXPECT_FALSE(fs::exists(machine_.store())) << "a plan makes nothing";
  ASSERT_THAT(machine_.Apply(package, machine_.Source().get()), IsOk());
  EXPECT_THAT(machine_.Observe(package).value(), IsEmpty());
  EXPECT_THAT(machine_.Observe(package, /*verify=*/true).value(), IsEmpty());
  WriteFile(machine_.In("none"), "now something");
  const auto next = machine_.Observe(machine_.Package("8.2"));
  ASSERT_THAT(next, IsOk());
  EXPECT_THAT(next->at(0).before, testing::StartsWith("8.1 ("));
  EXPECT_THAT(next->at(0).after, testing::StartsWith("8.2 ("));
}

TEST_P(PackageTest, TellsAtAGlanceWhichTreeIsPublishedWithoutReadingIt) {
  MakeTree(machine_);
  const v1::Package package = machine_.Package("8.1");
  EXPECT_EQ(machine_.Glance(package)->at(0).before, "nothing");
  ASSERT_THAT(machine_.Apply(package, machine_.Source().get()), IsOk());
  EXPECT_THAT(machine_.Glance(package).value(), IsEmpty());
  WriteFile(machine_.destination() + "/none", "touched");
  EXPECT_THAT(machine_.Glance(package).value(), IsEmpty()) << "that takes a verify";
  WriteFile(machine_.In("none"), "next");
  EXPECT_THAT(machine_.Glance(machine_.Package("8.2"))->at(0).before, testing::StartsWith("8.1 ("));
  fs::remove_all(machine_.destination());
  EXPECT_EQ(machine_.Glance(package)->at(0).before, "nothing");
  fs::create_directory(machine_.destination());
  EXPECT_THAT(machine_.Glance(package)->at(0).before, testing::HasSubstr("not published by"));
}

TEST_P(PackageTest, AsksOnlyForWhatChangedAlsoAfterMovesAndInsertions) {
  MakeTree(machine_);
  ASSERT_THAT(machine_.Stage("8.1"), IsOk());
  fs::create_directories(machine_.In("moved/here"));
  fs::rename(machine_.In("images/big.tar"), machine_.In("moved/here/renamed.tar"));
  std::string big = Noise(1, 3 << 20);
  big.insert(1 << 20, "a few bytes in the middle");
  WriteFile(machine_.In("edited.tar"), big);
  const v1::Package package = machine_.Package("8.2");
  const auto source = machine_.Source();
  ASSERT_THAT(machine_.Apply(package, source.get()), IsOk());
  EXPECT_EQ(Look(machine_.destination()), Look(machine_.source()));
  EXPECT_LT(source->content_bytes_sent(), 128U << 10);
  EXPECT_GT(source->content_bytes_sent(), 0U);
}

TEST_P(PackageTest, TakesWhatRepeatsInATreeOnce) {
  for (int i = 0; i < 20; ++i) WriteFile(machine_.In(absl::StrCat("copy-", i)), Noise(7, 1 << 20));
  const v1::Package package = machine_.Package("8.1");
  const auto source = machine_.Source();
  ASSERT_THAT(machine_.Apply(package, source.get()), IsOk());
  EXPECT_EQ(Look(machine_.destination()), Look(machine_.source()));
  EXPECT_EQ(source->content_bytes_sent(), 1U << 20);
}

TEST_P(PackageTest, NamesEachFileThatDiffersIsMissingOrIsExtra) {
  MakeTree(machine_);
  const v1::Package package = machine_.Package("8.1");
  ASSERT_THAT(machine_.Apply(package, machine_.Source().get()), IsOk());
  const std::string at = machine_.destination() + "/";
  // Same size, same times: only reading shows it.
  Shell("cd " + at +
        "images && touch -r big.tar /tmp/stamp-$$ && printf X | dd of=big.tar bs=1 "
        "seek=1000000 conv=notrunc status=none && touch -r /tmp/stamp-$$ big.tar && "
        "rm /tmp/stamp-$$");
  fs::remove(at + "images/deep/er/small");
  WriteFile(at + "empty/extra", "x");
  fs::permissions(at + "none", fs::perms::owner_all);
  fs::remove(at + "up");
  fs::create_symlink("elsewhere", at + "up");
  const auto found = machine_.Observe(package, /*verify=*/true);
  ASSERT_THAT(found, IsOk());
  std::vector<std::string> texts;
  for (const Difference& difference : *found) {
    EXPECT_EQ(difference.aspect, "file");
    texts.push_back(difference.before);
  }
  EXPECT_THAT(texts, ElementsAre("'empty/extra': extra",
                                 testing::StartsWith("'images/big.tar': other content at offset "),
                                 "'images/deep/er/small': missing",
                                 testing::StartsWith("'none': mode 0700"),
                                 testing::StartsWith("'up': link to 'elsewhere'")));
  // And an apply mends it with what it has.
  const auto source = machine_.Source();
  EXPECT_THAT(machine_.Observe(package)->at(0).before, testing::HasSubstr("changed since: "));
  ASSERT_THAT(machine_.Apply(package, source.get()), IsOk());
  EXPECT_EQ(Look(machine_.destination()), Look(machine_.source()));
  EXPECT_LT(source->content_bytes_sent(), 64U << 10);
}

TEST_P(PackageTest, KeepsThePreviousTreeWhenAskedAndGoesBackToIt) {
  MakeTree(machine_);
  const v1::Package first = machine_.Package("8.1");
  ASSERT_THAT(machine_.Apply(first, machine_.Source().get()), IsOk());
  const std::string old_look = Look(machine_.destination());
  WriteFile(machine_.In("images/big.tar"), Noise(2, 2 << 20));
  v1::Package second = machine_.Package("8.2");
  second.set_keep_previous(true);
  ASSERT_THAT(machine_.Apply(second, machine_.Source().get()), IsOk());
  const std::string new_look = Look(machine_.destination());
  v1::Package back = first;
  back.set_rollback(true);
  EXPECT_THAT(machine_.Observe(back)->at(0).before, testing::StartsWith("8.2 ("));
  ASSERT_THAT(machine_.Apply(back, nullptr), IsOk());
  EXPECT_EQ(Look(machine_.destination()), old_look);
  second.set_rollback(true);
  ASSERT_THAT(machine_.Apply(second, nullptr), IsOk()) << "and forth again";
  EXPECT_EQ(Look(machine_.destination()), new_look);
  v1::Package unknown = first;
  unknown.set_rollback(true);
  unknown.set_manifest_sha256(std::string(32, 'x'));
  EXPECT_THAT(machine_.Apply(unknown, nullptr),
              FailsWith(absl::StatusCode::kFailedPrecondition, "kept is 8.1 ("));
}

TEST_P(PackageTest, KeepsWhatWasNeverPublishedByUs) {
  MakeTree(machine_);
  for (int i = 1; i <= 2; ++i) {
    fs::remove_all(machine_.destination());
    fs::create_directory(machine_.destination());
    WriteFile(machine_.destination() + "/theirs", absl::StrCat("precious ", i));
    EXPECT_EQ(machine_.Observe(machine_.Package("8.1"))->at(0).before,
              "something not published by bpactl, which will be kept as the previous tree");
    ASSERT_THAT(machine_.Stage("8.1"), IsOk());
    EXPECT_EQ(ReadAll(machine_.store() + "/previous/tree/theirs"), absl::StrCat("precious ", i));
  }
  EXPECT_EQ(ReadAll(machine_.store() + "/kept-1/tree/theirs"), "precious 1");
  WriteFile(machine_.In("none"), "x");
  v1::Package third = machine_.Package("8.3");
  third.set_keep_previous(true);
  ASSERT_THAT(machine_.Apply(third, machine_.Source().get()), IsOk());
  EXPECT_EQ(ReadAll(machine_.store() + "/kept-2/tree/theirs"), "precious 2");
}

TEST_P(PackageTest, ReadersOfTheOldTreeKeepItAndNewOnesSeeTheNewWhole) {
  WriteFile(machine_.In("version"), "old");
  ASSERT_THAT(machine_.Stage("8.1"), IsOk());
  const FileDescriptor directory(open(machine_.destination().c_str(), O_RDONLY | O_DIRECTORY));
  const FileDescriptor file(openat(directory.get(), "version", O_RDONLY));
  WriteFile(machine_.In("version"), "new");
  v1::Package second = machine_.Package("8.2");
  second.set_keep_previous(true);
  ASSERT_THAT(machine_.Apply(second, machine_.Source().get()), IsOk());
  char bytes[3];
  EXPECT_EQ(pread(file.get(), bytes, 3, 0), 3);
  EXPECT_EQ(std::string(bytes, 3), "old");
  const FileDescriptor again(openat(directory.get(), "version", O_RDONLY));
  EXPECT_EQ(pread(again.get(), bytes, 3, 0), 3);
  EXPECT_EQ(std::string(bytes, 3), "old") << "who has the directory open has the whole old tree";
  EXPECT_EQ(ReadAll(machine_.destination() + "/version"), "new");
}

TEST_P(PackageTest, GivesEverythingTheOwnerThatIsWanted) {
  MakeTree(machine_);
  v1::Package package = machine_.Package("8.1");
  package.set_owner("1234");
  package.set_group("5678");
  ASSERT_THAT(machine_.Apply(package, machine_.Source().get()), IsOk());
  Shell("test -z \"$(find " + machine_.destination() + " ! -uid 1234 -o ! -gid 5678)\"");
  package.set_owner("0");
  EXPECT_FALSE(machine_.Observe(package, true)->empty()) << "another owner is a difference";
}

INSTANTIATE_TEST_SUITE_P(Filesystems, PackageTest, testing::Values("tmpfs", "xfs", "ext4"),
                         [](const testing::TestParamInfo<const char*>& test) {
                           return std::string(test.param);
                         });

TEST(PackageSharingTest, SharesBlocksWithTheOldTreeWhereTheFilesystemCan) {
  PackageMachine machine("xfs");
  WriteFile(machine.In("big"), Noise(1, 64 << 20));
  ASSERT_THAT(machine.Stage("8.1"), IsOk());
  const auto free = fs::space(machine.base()).free;
  WriteFile(machine.In("new"), "x");
  v1::Package second = machine.Package("8.2");
  second.set_keep_previous(true);
  ASSERT_THAT(machine.Apply(second, machine.Source().get()), IsOk());
  EXPECT_LT(free - fs::space(machine.base()).free, 4U << 20) << "both trees stand";
}

}  // namespace
}  // namespace bpa::executor

#include "tests/agent/executor/host_contract.h"

#include <gmock/gmock.h>

#include <optional>
#include <vector>

namespace bpa::executor {
namespace {

using absl::StatusCode;

template <typename T>
StatusCode CodeOf(const absl::StatusOr<T>& result) {
  return result.status().code();
}
StatusCode CodeOf(const absl::Status& status) { return status.code(); }

}  // namespace

void HostContract::MakeDirectory(const std::string& name) {
  const absl::Status made = host_.MakeDirectory(At(name), 0755, std::nullopt);
  ASSERT_TRUE(made.ok()) << made;
}

void HostContract::MakeFile(const std::string& name, const std::string& contents) {
  const absl::Status made = host_.ReplaceFile(At(name), std::nullopt, contents);
  ASSERT_TRUE(made.ok()) << made;
}

TEST_P(HostContract, InspectsWhatIsThere) {
  MakeDirectory("dir");
  MakeFile("file", "x");
  under_test_->MakeLink("nowhere", At("link"));
  const FileInfo directory = host_.Inspect(At("dir")).value();
  EXPECT_EQ(directory.type, FileType::kDirectory);
  EXPECT_EQ(directory.mode, 0755U);
  EXPECT_EQ(directory.uid, 0U);
  EXPECT_EQ(directory.gid, 0U);
  const FileInfo file = host_.Inspect(At("file")).value();
  EXPECT_EQ(file.type, FileType::kRegular);
  EXPECT_EQ(file.mode, 0644U);
  EXPECT_EQ(file.device, directory.device);
  EXPECT_EQ(host_.Inspect(At("link"))->type, FileType::kSymlink);
  EXPECT_EQ(host_.ReadLink(At("link")).value(), "nowhere");
}

TEST_P(HostContract, SaysNotFoundAndNamesThePath) {
  for (const std::string& path : {At("none"), At("none/below")}) {
    const absl::StatusOr<FileInfo> info = host_.Inspect(path);
    EXPECT_EQ(CodeOf(info), StatusCode::kNotFound);
    EXPECT_THAT(std::string(info.status().message()), testing::HasSubstr(path));
    EXPECT_EQ(CodeOf(host_.ReadFile(path, 10)), StatusCode::kNotFound);
    EXPECT_EQ(CodeOf(host_.ReadLink(path)), StatusCode::kNotFound);
    EXPECT_EQ(CodeOf(host_.ListDirectory(path)), StatusCode::kNotFound);
    EXPECT_EQ(CodeOf(host_.SetMode(path, 0700)), StatusCode::kNotFound);
    EXPECT_EQ(CodeOf(host_.SetOwner(path, 1, 1)), StatusCode::kNotFound);
    EXPECT_EQ(CodeOf(host_.Rename(path, At("other"))), StatusCode::kNotFound);
  }
  EXPECT_EQ(CodeOf(host_.MakeDirectory(At("none/below"), 0755, std::nullopt)),
            StatusCode::kNotFound);
}

TEST_P(HostContract, FollowsNoLinkOnTheWayAndNamesIt) {
  MakeDirectory("real");
  MakeFile("real/file", "x");
  under_test_->MakeLink(At("real"), At("link"));
  const absl::StatusOr<FileInfo> info = host_.Inspect(At("link/file"));
  EXPECT_EQ(CodeOf(info), StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(info.status().message()), testing::HasSubstr(At("link")));
  EXPECT_EQ(CodeOf(host_.ReadFile(At("link/file"), 10)), StatusCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(host_.MakeDirectory(At("link/new"), 0755, std::nullopt)),
            StatusCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(host_.SetMode(At("link"), 0700)), StatusCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(host_.SetOwner(At("link"), 1, 1)), StatusCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(host_.ListDirectory(At("link"))), StatusCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(host_.ReplaceFile(At("link/file"), "x", "y")), StatusCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(host_.RemoveTree(At("link/file"))), StatusCode::kFailedPrecondition);
  EXPECT_EQ(host_.ReadFile(At("real/file"), 10).value(), "x");
  EXPECT_EQ(host_.Inspect(At("real"))->mode, 0755U);
}

TEST_P(HostContract, ReadsFilesUpToTheLimit) {
  MakeFile("file", "12345");
  MakeFile("empty", "");
  EXPECT_EQ(host_.ReadFile(At("file"), 5).value(), "12345");
  EXPECT_EQ(CodeOf(host_.ReadFile(At("file"), 4)), StatusCode::kResourceExhausted);
  EXPECT_EQ(host_.ReadFile(At("empty"), 0).value(), "");
  MakeDirectory("dir");
  EXPECT_EQ(CodeOf(host_.ReadFile(At("dir"), 10)), StatusCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(host_.ReadLink(At("file"))), StatusCode::kFailedPrecondition);
}

TEST_P(HostContract, ListsDirectoriesSorted) {
  MakeDirectory("dir");
  EXPECT_TRUE(host_.ListDirectory(At("dir"))->empty());
  for (const char* name : {"dir/b", "dir/a", "dir/.hidden", "dir/C"}) MakeFile(name, "");
  MakeDirectory("dir/d");
  EXPECT_THAT(host_.ListDirectory(At("dir")).value(),
              testing::ElementsAre(".hidden", "C", "a", "b", "d"));
  EXPECT_EQ(CodeOf(host_.ListDirectory(At("dir/a"))), StatusCode::kFailedPrecondition);
}

TEST_P(HostContract, MakesOneDirectoryWithTheExactMode) {
  for (const uint32_t mode : {0777U, 0700U, 01777U, 02770U, 0U}) {
    ASSERT_TRUE(host_.MakeDirectory(At("dir"), mode, std::nullopt).ok());
    EXPECT_EQ(host_.Inspect(At("dir"))->mode, mode);
    ASSERT_TRUE(host_.RemoveTree(At("dir")).ok());
  }
}

TEST_P(HostContract, MakesNoDirectoryOverAnything) {
  MakeDirectory("dir");
  MakeFile("file", "x");
  under_test_->MakeLink("nowhere", At("link"));
  for (const char* name : {"dir", "file", "link"}) {
    EXPECT_EQ(CodeOf(host_.MakeDirectory(At(name), 0700, std::nullopt)), StatusCode::kAlreadyExists)
        << name;
  }
  EXPECT_EQ(host_.Inspect(At("dir"))->mode, 0755U);
  EXPECT_EQ(CodeOf(host_.MakeDirectory(At("file/below"), 0700, std::nullopt)),
            StatusCode::kFailedPrecondition);
}

TEST_P(HostContract, MakesADirectoryOnlyOnTheWantedFilesystem) {
  const uint64_t here = host_.Inspect(under_test_->scratch())->device;
  EXPECT_EQ(CodeOf(host_.MakeDirectory(At("dir"), 0755, here + 1)),
            StatusCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(host_.Inspect(At("dir"))), StatusCode::kNotFound);
  EXPECT_TRUE(host_.MakeDirectory(At("dir"), 0755, here).ok());
}

TEST_P(HostContract, ChangesModeAndOwner) {
  MakeDirectory("dir");
  ASSERT_TRUE(host_.SetMode(At("dir"), 01770).ok());
  EXPECT_EQ(host_.Inspect(At("dir"))->mode, 01770U);
  ASSERT_TRUE(host_.SetOwner(At("dir"), 12, std::nullopt).ok());
  ASSERT_TRUE(host_.SetOwner(At("dir"), std::nullopt, 34).ok());
  EXPECT_EQ(host_.Inspect(At("dir"))->uid, 12U);
  EXPECT_EQ(host_.Inspect(At("dir"))->gid, 34U);
  EXPECT_EQ(host_.Inspect(At("dir"))->mode, 01770U);
  MakeFile("file", "x");
  EXPECT_EQ(CodeOf(host_.SetMode(At("file"), 0777)), StatusCode::kFailedPrecondition);
  EXPECT_EQ(host_.Inspect(At("file"))->mode, 0644U);
}

TEST_P(HostContract, ReplacesAFileOnlyIfItHoldsWhatIsExpected) {
  EXPECT_EQ(CodeOf(host_.ReplaceFile(At("file"), "old", "new")), StatusCode::kAborted);
  EXPECT_EQ(CodeOf(host_.Inspect(At("file"))), StatusCode::kNotFound);
  ASSERT_TRUE(host_.ReplaceFile(At("file"), std::nullopt, "old").ok());
  EXPECT_EQ(CodeOf(host_.ReplaceFile(At("file"), std::nullopt, "new")), StatusCode::kAborted);
  EXPECT_EQ(CodeOf(host_.ReplaceFile(At("file"), "other", "new")), StatusCode::kAborted);
  EXPECT_EQ(host_.ReadFile(At("file"), 100).value(), "old");
  ASSERT_TRUE(host_.ReplaceFile(At("file"), "old", "new").ok());
  EXPECT_EQ(host_.ReadFile(At("file"), 100).value(), "new");
  EXPECT_THAT(host_.ListDirectory(under_test_->scratch()).value(), testing::ElementsAre("file"));
}

TEST_P(HostContract, TellsThatAFileCanBeReplacedWithoutTouchingIt) {
  EXPECT_TRUE(host_.CheckReplaceable(At("file")).ok());
  EXPECT_EQ(CodeOf(host_.Inspect(At("file"))), StatusCode::kNotFound);
  MakeFile("file", "old");
  EXPECT_TRUE(host_.CheckReplaceable(At("file")).ok());
  EXPECT_EQ(CodeOf(host_.CheckReplaceable(At("none/file"))), StatusCode::kNotFound);
}

TEST_P(HostContract, RenamesOverNothing) {
  MakeDirectory("tree");
  MakeFile("tree/file", "x");
  MakeDirectory("other");
  EXPECT_EQ(CodeOf(host_.Rename(At("tree"), At("other"))), StatusCode::kAlreadyExists);
  ASSERT_TRUE(host_.Rename(At("tree"), At("other/tree")).ok());
  EXPECT_EQ(host_.ReadFile(At("other/tree/file"), 10).value(), "x");
  EXPECT_EQ(CodeOf(host_.Inspect(At("tree"))), StatusCode::kNotFound);
}

TEST_P(HostContract, RemovesTreesFilesLinksAndNothing) {
  MakeDirectory("tree");
  MakeDirectory("tree/sub");
  MakeFile("tree/sub/file", "x");
  MakeFile("file", "x");
  under_test_->MakeLink(At("tree"), At("link"));
  ASSERT_TRUE(host_.RemoveTree(At("link")).ok());
  EXPECT_EQ(host_.ReadFile(At("tree/sub/file"), 10).value(), "x") << "what the link points to";
  for (const char* name : {"tree", "file", "none", "none/below"}) {
    EXPECT_TRUE(host_.RemoveTree(At(name)).ok()) << name;
  }
  EXPECT_TRUE(host_.ListDirectory(under_test_->scratch())->empty());
}

TEST_P(HostContract, SummarizesATree) {
  MakeDirectory("tree");
  const TreeSummary empty = host_.SummarizeTree(At("tree")).value();
  EXPECT_EQ(empty.entries, 0U);
  EXPECT_EQ(empty.bytes, 0U);
  MakeDirectory("tree/sub");
  MakeFile("tree/sub/file", "12345");
  const TreeSummary summary = host_.SummarizeTree(At("tree")).value();
  EXPECT_EQ(summary.entries, 2U);
  EXPECT_EQ(summary.bytes, 5U);
  EXPECT_NE(summary.digest, empty.digest);
  EXPECT_EQ(host_.SummarizeTree(At("tree"))->digest, summary.digest);
  ASSERT_TRUE(host_.SetMode(At("tree/sub"), 0700).ok());
  EXPECT_NE(host_.SummarizeTree(At("tree"))->digest, summary.digest);
  EXPECT_EQ(CodeOf(host_.SummarizeTree(At("none"))), StatusCode::kNotFound);
}

TEST_P(HostContract, SyncsAndFindsNobodyInANewDirectory) {
  EXPECT_TRUE(host_.SyncFilesystem(under_test_->scratch()).ok());
  EXPECT_EQ(CodeOf(host_.SyncFilesystem(At("none"))), StatusCode::kNotFound);
  EXPECT_TRUE(host_.ProcessesUsing(under_test_->scratch())->empty());
}

TEST_P(HostContract, LooksUpUsersAndGroups) {
  EXPECT_EQ(host_.LookUpUser("root").value(), 0U);
  EXPECT_EQ(host_.LookUpGroup("root").value(), 0U);
  EXPECT_EQ(host_.LookUpUser("1000").value(), 1000U);
  EXPECT_EQ(host_.LookUpGroup("1000").value(), 1000U);
  EXPECT_EQ(CodeOf(host_.LookUpUser("no-such-user")), StatusCode::kNotFound);
  EXPECT_EQ(CodeOf(host_.LookUpGroup("no-such-group")), StatusCode::kNotFound);
}

TEST_P(HostContract, ReadsAndWritesSysctls) {
  const std::string value = host_.ReadSysctl("vm.max_map_count").value();
  EXPECT_FALSE(value.empty());
  EXPECT_TRUE(host_.WriteSysctl("vm.max_map_count", value).ok());
  EXPECT_EQ(host_.ReadSysctl("vm.max_map_count").value(), value);
  EXPECT_EQ(CodeOf(host_.ReadSysctl("vm.no_such_sysctl")), StatusCode::kNotFound);
  EXPECT_EQ(CodeOf(host_.WriteSysctl("vm.no_such_sysctl", "1")), StatusCode::kNotFound);
}

TEST_P(HostContract, KnowsNoDiskThatIsNotThere) {
  EXPECT_EQ(CodeOf(host_.FindDisk("/dev/no-such-disk")), StatusCode::kNotFound);
  EXPECT_TRUE(host_.ListDisks().ok());
  EXPECT_TRUE(host_.ReadMounts().ok());
}

}  // namespace bpa::executor

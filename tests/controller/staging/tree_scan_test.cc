#include "controller/staging/tree_scan.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>

#include "tests/controller/staging/source_samples.h"

namespace bpa::controller {
namespace {

using ::bpa::testing::AsNobody;
using ::bpa::testing::IsOk;
using ::bpa::testing::OpenTree;
using ::bpa::testing::StatusIs;
using ::bpa::testing::TemporaryDirectory;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TreeScanTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::vector<ManifestEntry>> Scan(const ModePolicy& modes = {}) const {
    const auto tree = OpenTree(source_.path());
    TreeScan scan(*tree, modes);
    std::vector<ManifestEntry> entries;
    for (;;) {
      auto next = scan.Next();
      if (!next.ok()) return next.status();
      if (!next->has_value()) return entries;
      entries.push_back((*next)->entry);
    }
  }
  std::vector<std::string> Paths() const {
    std::vector<std::string> paths;
    const auto entries = Scan();
    EXPECT_THAT(entries, IsOk());
    for (const ManifestEntry& entry : entries.value()) paths.push_back(entry.path);
    return paths;
  }
  void MakeDirectory(const std::string& name) const {
    ASSERT_EQ(mkdir(source_.File(name).c_str(), 0755), 0) << name;
  }
  auto Refuses(const std::string& name, const std::string& kind) const {
    return StatusIs(absl::StatusCode::kFailedPrecondition,
                    AllOf(HasSubstr("'" + source_.path() + "/" + name + "'"), HasSubstr(kind)));
  }

  const TemporaryDirectory source_;
};

TEST_F(TreeScanTest, GoesInTheManifestsOrder) {
  MakeDirectory("a");
  MakeDirectory("a/z");
  MakeDirectory("empty");
  for (const char* name : {"a b", "a/z/deep", "a-", "a/\x01", "\xc3\xbc"}) source_.Write(name, "");
  const std::vector<std::string> paths = Paths();
  EXPECT_THAT(paths,
              ElementsAre("", "a", "a/\x01", "a/z", "a/z/deep", "a b", "a-", "empty", "\xc3\xbc"));
}

TEST_F(TreeScanTest, TakesEveryNameAsItIs) {
  const std::string longest(255, 'x');
  for (const std::string& name :
       {std::string("line\nfeed"), std::string("two words"), std::string("\xff\xfe"), longest}) {
    source_.Write(name, "content");
  }
  EXPECT_THAT(Paths(), ElementsAre("", "line\nfeed", "two words", longest, "\xff\xfe"));
}

TEST_F(TreeScanTest, KeepsSymlinksAndFollowsNone) {
  ASSERT_EQ(symlink("/etc", source_.File("absolute").c_str()), 0);
  ASSERT_EQ(symlink("../..", source_.File("out").c_str()), 0);
  ASSERT_EQ(symlink(std::string(4095, 't').c_str(), source_.File("long").c_str()), 0);
  ASSERT_EQ(symlink("nowhere", source_.File("dangling").c_str()), 0);
  const auto entries = Scan().value();
  ASSERT_EQ(entries.size(), 5u) << "nothing from behind a link";
  EXPECT_EQ(entries[1].target, "/etc");
  EXPECT_EQ(entries[1].type, EntryType::kSymlink);
  EXPECT_EQ(entries[1].mode, 0777);
  EXPECT_EQ(entries[2].target, "nowhere");
  EXPECT_EQ(entries[3].target, std::string(4095, 't'));
  EXPECT_EQ(entries[4].target, "../..");
}

TEST_F(TreeScanTest, TakesHardLinksAsFilesOfTheirOwn) {
  source_.Write("one", "same");
  ASSERT_EQ(link(source_.File("one").c_str(), source_.File("two").c_str()), 0);
  const auto entries = Scan().value();
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[1].size, 4u);
  EXPECT_EQ(entries[2].size, 4u);
}

TEST_F(TreeScanTest, CarriesModesAndTimesButNoSetIdBits) {
  source_.Write("program", "", 04750);
  const timespec times[2] = {{.tv_sec = 0, .tv_nsec = 0}, {.tv_sec = -5, .tv_nsec = 123456789}};
  ASSERT_EQ(utimensat(AT_FDCWD, source_.File("program").c_str(), times, 0), 0);
  const auto entries = Scan().value();
  EXPECT_EQ(entries[0].mode, 0700);
  EXPECT_EQ(entries[1].mode, 0750);
  EXPECT_EQ(entries[1].mtime_seconds, -5);
  EXPECT_EQ(entries[1].mtime_nanoseconds, 123456789u);
}

TEST_F(TreeScanTest, PutsTheModesOfAPolicyInPlaceOfTheTrees) {
  MakeDirectory("d");
  source_.Write("d/f", "", 0700);
  const auto entries = Scan({.files = 0644, .directories = 0755}).value();
  EXPECT_EQ(entries[0].mode, 0755);
  EXPECT_EQ(entries[1].mode, 0755);
  EXPECT_EQ(entries[2].mode, 0644);
}

TEST_F(TreeScanTest, RefusesAFifoByName) {
  MakeDirectory("d");
  ASSERT_EQ(mkfifo(source_.File("d/pipe\n").c_str(), 0600), 0);
  EXPECT_THAT(Scan(), Refuses("d/pipe\\n", "is a FIFO"));
}

TEST_F(TreeScanTest, RefusesASocketByName) {
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  std::strncpy(address.sun_path, source_.File("s").c_str(), sizeof address.sun_path - 1);
  const OwnedFd socket_fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(bind(socket_fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_THAT(Scan(), Refuses("s", "is a socket"));
}

TEST_F(TreeScanTest, RefusesDeviceNodesByName) {
  ASSERT_EQ(mknod(source_.File("null").c_str(), S_IFCHR | 0600, makedev(1, 3)), 0)
      << "this test needs CAP_MKNOD";
  EXPECT_THAT(Scan(), Refuses("null", "is a character device"));
  ASSERT_EQ(unlink(source_.File("null").c_str()), 0);
  ASSERT_EQ(mknod(source_.File("disk").c_str(), S_IFBLK | 0600, makedev(7, 200)), 0);
  EXPECT_THAT(Scan(), Refuses("disk", "is a block device"));
}

TEST_F(TreeScanTest, NamesADirectoryThatCannotBeRead) {
  ASSERT_EQ(chmod(source_.path().c_str(), 0755), 0);
  ASSERT_EQ(mkdir(source_.File("secret").c_str(), 0700), 0);
  ASSERT_EQ(chmod(source_.File("secret").c_str(), geteuid() == 0 ? 0700 : 0), 0);
  const AsNobody nobody;
  EXPECT_THAT(Scan(), StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("/secret'")));
}

TEST_F(TreeScanTest, RefusesAPathThatNoManifestTakes) {
  int directory = open(source_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::string name(200, 'd');
  for (int depth = 0; depth < 21; ++depth) {
    ASSERT_EQ(mkdirat(directory, name.c_str(), 0755), 0);
    const int next = openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    close(directory);
    directory = next;
  }
  close(directory);
  EXPECT_THAT(Scan(), StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr("the path is 4220 bytes long; at most 4096")));
}

TEST(SourceTreeTest, SaysWhatIsWrongWithTheRoot) {
  const TemporaryDirectory directory;
  EXPECT_THAT(SourceTree::Open(directory.File("absent")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/absent'")));
  EXPECT_FALSE(SourceTree::Open(directory.Write("file", "")).ok());
}

TEST(SourceTreeTest, OpensNothingThroughASymlinkOrOutsideOfTheTree) {
  const TemporaryDirectory outside;
  outside.Write("file", "secret");
  const TemporaryDirectory source;
  ASSERT_EQ(symlink(outside.path().c_str(), source.File("link").c_str()), 0);
  ASSERT_EQ(symlink(outside.File("file").c_str(), source.File("file").c_str()), 0);
  const auto tree = OpenTree(source.path());
  for (const char* path : {"link/file", "file", "../x"}) {
    EXPECT_FALSE(tree->OpenFile(path).ok()) << path;
  }
}

}  // namespace
}  // namespace bpa::controller

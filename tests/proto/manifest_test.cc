#include "proto/manifest.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/proto/manifest_samples.h"

namespace bpa {
namespace {

using ::bpa::testing::Directory;
using ::bpa::testing::File;
using ::bpa::testing::Symlink;
using ::testing::HasSubstr;

TEST(ManifestOrderTest, PutsADirectorysContentRightBehindIt) {
  const std::vector<std::string> ordered = {"",      "a",   "a/\x01", "a/b", "a/b/c", "a/\xff",
                                            "a\x01", "a b", "a-",     "aa",  "b",     "\xc3\xbc"};
  for (size_t i = 0; i < ordered.size(); ++i) {
    for (size_t j = 0; j < ordered.size(); ++j) {
      EXPECT_EQ(CompareManifestPaths(ordered[i], ordered[j]), i <=> j)
          << ordered[i] << " and " << ordered[j];
    }
  }
}

TEST(ManifestEntryTest, TakesEveryNameThatAFilesystemTakes) {
  const ManifestEntry root = Directory("");
  for (const std::string& name :
       {std::string("two words"), std::string("line\nfeed"), std::string("\xff\xfe"),
        std::string(255, 'x'), std::string("..."), std::string(".hidden"), std::string("a\\b")}) {
    EXPECT_EQ(ManifestEntryProblem(&root, File(name)), "") << name;
  }
}

TEST(ManifestEntryTest, TakesThePathAtItsLimitAndNothingLonger) {
  std::string path = "d";
  ManifestEntry parent = Directory(path);
  while (path.size() + 201 < kMaxManifestPathBytes) {
    path += "/" + std::string(200, 'd');
    parent.path = path;
  }
  path += "/" + std::string(kMaxManifestPathBytes - path.size() - 1, 'f');
  ASSERT_EQ(path.size(), kMaxManifestPathBytes);
  EXPECT_EQ(ManifestEntryProblem(&parent, File(path)), "");
  EXPECT_THAT(ManifestEntryProblem(&parent, File(path + "f")), HasSubstr("4097 bytes long"));
}

TEST(ManifestEntryTest, TakesAbsoluteAndDotDotTargetsAsTheyAre) {
  const ManifestEntry root = Directory("");
  EXPECT_EQ(ManifestEntryProblem(&root, Symlink("l", "/etc/passwd")), "");
  EXPECT_EQ(ManifestEntryProblem(&root, Symlink("l", "../../..")), "");
  EXPECT_EQ(ManifestEntryProblem(&root, Symlink("l", std::string(4095, 't'))), "");
}

struct BadEntry {
  const char* what;
  ManifestEntry previous;
  ManifestEntry entry;
  const char* problem;
};

ManifestEntry With(ManifestEntry entry, uint16_t mode, uint32_t nanoseconds) {
  entry.mode = mode;
  entry.mtime_nanoseconds = nanoseconds;
  return entry;
}

TEST(ManifestEntryTest, SaysWhatIsWrongWithAnEntry) {
  const ManifestEntry root = Directory("");
  const BadEntry table[] = {
      {"a second root", root, root, "root a second time"},
      {"absolute", root, File("/etc"), "is absolute"},
      {"ends in a slash", root, File("a/"), "ends in a slash"},
      {"two slashes", Directory("a"), File("a//b"), "two in a row"},
      {"dot", root, File("."), "'.' or '..'"},
      {"dot dot", root, File(".."), "'.' or '..'"},
      {"dot dot within", Directory("a"), File("a/../b"), "'.' or '..'"},
      {"dot at the end", Directory("a"), File("a/."), "'.' or '..'"},
      {"NUL", root, File(std::string("a\0b", 3)), "NUL"},
      {"a component of 256 bytes", root, File(std::string(256, 'x')), "component of 256 bytes"},
      {"twice", File("a"), File("a"), "comes after 'a'"},
      {"descending", File("b"), File("a"), "comes after 'b'"},
      {"a directory's content too late", File("a b"), File("a/b"), "comes after 'a b'"},
      {"no parent", root, File("a/b"), "directory that is not an entry"},
      {"parent is a file", File("a"), File("a/b"), "directory that is not an entry"},
      {"parent is a symlink", Symlink("a", "b"), File("a/b"), "directory that is not an entry"},
      {"only a grandparent", Directory("a"), File("a/b/c"), "directory that is not an entry"},
      {"a cousin's name begins alike", File("ab/c"), File("ac/d"), "directory that is not"},
      {"set-uid", root, With(File("a"), 04755, 0), "mode 04755"},
      {"a second of nanoseconds", root, With(File("a"), 0, 1'000'000'000), "1000000000 nanosec"},
      {"no target", root, Symlink("a", ""), "target of 0 bytes"},
      {"a long target", root, Symlink("a", std::string(4096, 't')), "target of 4096 bytes"},
      {"NUL in a target", root, Symlink("a", std::string("\0", 1)), "NUL"},
      {"a negative size", root, File("a", kMaxContentBytes + 1), "size of 9223372036854775808"},
  };
  for (const BadEntry& bad : table) {
    EXPECT_THAT(ManifestEntryProblem(&bad.previous, bad.entry), HasSubstr(bad.problem)) << bad.what;
  }
  EXPECT_THAT(ManifestEntryProblem(nullptr, File("a")), HasSubstr("where the tree's root has to"));
  EXPECT_THAT(ManifestEntryProblem(nullptr, File("")), HasSubstr("not a directory"));
}

TEST(ManifestEntryTest, FindsTheParentOnTheWayUpFromAnyDepth) {
  const ManifestEntry deep = File("a/b/c/d");
  for (const char* path : {"a/b/c/e", "a/b/e", "a/e", "e"}) {
    EXPECT_EQ(ManifestEntryProblem(&deep, File(path)), "") << path;
  }
}

TEST(QuotedPathTest, IsOneLineOfReadableUtf8WhateverTheBytes) {
  EXPECT_EQ(QuotedPath("two words"), "'two words'");
  EXPECT_EQ(QuotedPath("\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80"),
            "'\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80'");
  EXPECT_EQ(QuotedPath("a\nb\tc\x1b[m\x7f"), "'a\\nb\\tc\\x1b[m\\x7f'");
  EXPECT_EQ(QuotedPath("\xff\xc3"), "'\\xff\\xc3'");
  EXPECT_EQ(QuotedPath("a\\b'c"), "'a\\\\b\\'c'");
  EXPECT_EQ(QuotedPath("\xc2\x9b"), "'\\xc2\\x9b'") << "a terminal's other escape";
  EXPECT_EQ(QuotedPath("\xe2\x80\xae"), "'\\xe2\\x80\\xae'") << "turns what follows around";
  EXPECT_EQ(QuotedPath(""), "''");
}

}  // namespace
}  // namespace bpa

#include "controller/staging/manifest_maker.h"

#include <fcntl.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/controller/staging/source_samples.h"

namespace bpa::controller {
namespace {

using ::bpa::testing::AsNobody;
using ::bpa::testing::IsOk;
using ::bpa::testing::Items;
using ::bpa::testing::Make;
using ::bpa::testing::ManifestItem;
using ::bpa::testing::MemoryFile;
using ::bpa::testing::OpenTree;
using ::bpa::testing::RandomBytes;
using ::bpa::testing::StatusIs;
using ::bpa::testing::TemporaryDirectory;
using ::testing::HasSubstr;

// The item's segments describe exactly `content`.
void ExpectDescribes(const ManifestItem& item, std::string_view content) {
  ASSERT_EQ(item.entry.size, content.size());
  for (const ManifestSegment& segment : item.segments) {
    const std::string_view part = content.substr(segment.offset, segment.length);
    if (segment.hole) {
      EXPECT_EQ(part.find_first_not_of('\0'), std::string_view::npos);
    } else {
      EXPECT_EQ(segment.digest, DigestOf(part)) << item.entry.path << " at " << segment.offset;
    }
  }
}

class ManifestMakerTest : public ::testing::Test {
 protected:
  ManifestMakerTest() : cache_(HashCache::Open(home_.File("hashes.db")).value()) {}

  // As if written long ago.
  void Age(const std::string& name) const {
    const timespec old[2] = {{.tv_sec = 1'000'000'000, .tv_nsec = 0},
                             {.tv_sec = 1'000'000'000, .tv_nsec = 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, source_.File(name).c_str(), old, AT_SYMLINK_NOFOLLOW), 0);
  }

  const TemporaryDirectory home_;
  const TemporaryDirectory source_;
  const std::unique_ptr<HashCache> cache_;
};

TEST_F(ManifestMakerTest, DescribesEveryByteOfATree) {
  std::filesystem::create_directories(source_.File("d/empty"));
  const std::string large = RandomBytes(9'000'000) + std::string(1'000'000, '\0') + "end";
  source_.Write("large", large);
  source_.Write("d/small", "small");
  source_.Write("d/nothing", "");
  const auto items = Make(source_.path());
  ASSERT_THAT(items, IsOk());
  EXPECT_EQ(items->size(), 6u);
  ExpectDescribes(items->at("large"), large);
  EXPECT_GT(items->at("large").segments.size(), 50u);
  ExpectDescribes(items->at("d/small"), "small");
  EXPECT_EQ(items->at("d/nothing").segments.size(), 0u);
  EXPECT_EQ(items->at("d/empty").entry.type, EntryType::kDirectory);
}

TEST_F(ManifestMakerTest, GivesOneManifestHoweverManyThreadsThereAre) {
  for (int i = 0; i < 300; ++i) source_.Write(absl::StrCat("f", i), RandomBytes(i * 700, i));
  source_.Write("a", RandomBytes(5'000'000, 1));
  source_.Write("z", RandomBytes(7'000'000, 2));
  const Items one = Make(source_.path(), {.threads = 1}).value();
  EXPECT_EQ(one, Make(source_.path(), {.threads = 2}).value());
  EXPECT_EQ(one, Make(source_.path(), {.threads = 7}).value());
}

TEST_F(ManifestMakerTest, HashesManyHugeFilesWithoutHoldingThemAll) {
  // More batches than may wait, in files behind a first one that is slower than they are.
  std::vector<std::string> contents;
  for (int i = 0; i < 3; ++i) {
    contents.push_back(RandomBytes(i == 0 ? 150'000'000 : 60'000'000, i));
    source_.Write(absl::StrCat(i), contents.back());
  }
  const auto items = Make(source_.path(), {.threads = 3});
  ASSERT_THAT(items, IsOk());
  for (int i = 0; i < 3; ++i) ExpectDescribes(items->at(absl::StrCat(i)), contents[i]);
}

TEST_F(ManifestMakerTest, ReadsAnUnchangedFileOnce) {
  source_.Write("f", RandomBytes(3'000'000));
  Age("f");
  absl::SleepFor(absl::Milliseconds(2100));  // its change time cannot be set
  const Items first = Make(source_.path(), {.cache = cache_.get()}).value();
  EXPECT_TRUE(cache_->Contains(::bpa::testing::StampOf(source_.File("f"))).value());
  EXPECT_EQ(Make(source_.path(), {.cache = cache_.get()}).value().at("f"), first.at("f"));
}

TEST_F(ManifestMakerTest, SeesAChangeThatLeftSizeAndModificationTimeAsTheyWere) {
  source_.Write("f", "before");
  Age("f");
  absl::SleepFor(absl::Milliseconds(2100));
  const Items first = Make(source_.path(), {.cache = cache_.get()}).value();
  source_.Write("f", "after!");
  Age("f");
  const Items second = Make(source_.path(), {.cache = cache_.get()}).value();
  EXPECT_EQ(second.at("f").entry, first.at("f").entry);
  ExpectDescribes(second.at("f"), "after!");
}

TEST_F(ManifestMakerTest, NamesAFileThatCannotBeRead) {
  ASSERT_EQ(chmod(source_.path().c_str(), 0755), 0);
  for (int i = 0; i < 100; ++i) source_.Write(absl::StrCat("f", i), "content");
  source_.Write("secret\n", "content", 0);
  const AsNobody nobody;
  EXPECT_THAT(Make(source_.path()),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("/secret\\n'")));
}

TEST_F(ManifestMakerTest, NamesAFileThatIsWrittenToAllTheTime) {
  source_.Write("log", RandomBytes(20'000'000));
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    const OwnedFd file(open(source_.File("log").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
    while (!stop) ASSERT_EQ(write(file.get(), "x", 1), 1);
  });
  absl::SleepFor(absl::Milliseconds(20));
  EXPECT_THAT(Make(source_.path()),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("/log' changes while it is read")));
  stop = true;
  writer.join();
}

TEST_F(ManifestMakerTest, MakesATinyManifestOfAHugeSparseFile) {
  source_.Write("disk.img", "boot");
  std::filesystem::resize_file(source_.File("disk.img"), uint64_t{20} << 30);
  const MemoryFile file;
  const auto made = MakeManifest(*OpenTree(source_.path()), file.fd(), {});
  ASSERT_THAT(made, IsOk());
  EXPECT_LT(made->bytes, 300u);
  EXPECT_EQ(made->header.content_bytes, uint64_t{20} << 30);
}

TEST_F(ManifestMakerTest, TakesAHundredThousandSmallFiles) {
  for (int d = 0; d < 100; ++d) {
    std::filesystem::create_directory(source_.File(absl::StrCat(d)));
    for (int f = 0; f < 1000; ++f) {
      const OwnedFd file(open(source_.File(absl::StrCat(d, "/", f)).c_str(),
                              O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
      ASSERT_EQ(write(file.get(), &f, sizeof f), ssize_t{sizeof f});
    }
  }
  const MemoryFile file;
  const auto made = MakeManifest(*OpenTree(source_.path()), file.fd(), {.cache = cache_.get()});
  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(made->header.entries, 100'101u);
  EXPECT_EQ(made->header.content_bytes, 400'000u);
}

TEST_F(ManifestMakerTest, StopsWhenItIsTold) {
  source_.Write("f", RandomBytes(50'000'000));
  const std::atomic<bool> stop = true;
  EXPECT_THAT(Make(source_.path(), {.stop = &stop}),
              StatusIs(absl::StatusCode::kCancelled, "interrupted"));
}

TEST_F(ManifestMakerTest, TellsHowFarItIs) {
  source_.Write("f", RandomBytes(20'000'000));
  source_.Write("g", RandomBytes(1000));
  MakingProgress last;
  ASSERT_THAT(Make(source_.path(), {.progressed =
                                        [&](const MakingProgress& progress) {
                                          EXPECT_GE(progress.bytes, last.bytes);
                                          last = progress;
                                        }}),
              IsOk());
  EXPECT_EQ(last.bytes, 20'001'000u);
  // The root is one.
  EXPECT_EQ(last.entries, 3u);
}

}  // namespace
}  // namespace bpa::controller

#include "controller/staging/hash_cache.h"

#include <fcntl.h>

#include "absl/strings/str_cat.h"
#include "tests/controller/staging/source_samples.h"

namespace bpa::controller {
namespace {

using ::bpa::testing::IsOk;
using ::bpa::testing::TemporaryDirectory;

constexpr absl::Time kNow = absl::FromUnixSeconds(1'600'000'000);

FileStamp Stamp(uint64_t inode, absl::Time changed = kNow - absl::Hours(1)) {
  return {.device = 5,
          .inode = inode,
          .size = 100,
          .mtime_ns = absl::ToUnixNanos(changed - absl::Hours(1)),
          .ctime_ns = absl::ToUnixNanos(changed)};
}

std::vector<ManifestSegment> Segments(size_t count) {
  std::vector<ManifestSegment> segments;
  for (size_t i = 0; i < count; ++i) {
    segments.push_back({.hole = i % 7 == 3, .length = i + 1});
    if (!segments.back().hole) segments.back().digest = DigestOf(absl::StrCat(i));
  }
  return segments;
}

class HashCacheTest : public ::testing::Test {
 protected:
  HashCacheTest() { Reopen(); }

  void Reopen() {
    cache_.reset();
    auto opened = HashCache::Open(path_);
    ASSERT_THAT(opened, IsOk());
    cache_ = *std::move(opened);
  }
  void Remember(const FileStamp& stamp, size_t count) {
    cache_->Begin(stamp);
    for (const ManifestSegment& segment : Segments(count)) {
      ASSERT_THAT(cache_->Add(segment), IsOk());
    }
    ASSERT_THAT(cache_->Complete(kNow), IsOk());
  }
  std::vector<ManifestSegment> Recall(const FileStamp& stamp) {
    std::vector<ManifestSegment> segments;
    EXPECT_THAT(cache_->Visit(stamp,
                              [&](const ManifestSegment& segment) {
                                segments.push_back(segment);
                                return absl::OkStatus();
                              }),
                IsOk());
    return segments;
  }

  const TemporaryDirectory directory_;
  const std::string path_ = directory_.File("hashes.db");
  std::unique_ptr<HashCache> cache_;
};

TEST_F(HashCacheTest, RemembersAFileOfAnySizeBetweenRuns) {
  // Less than a part, exactly one, several.
  const std::vector<size_t> counts = {1, 700, 800, 799 * 2, 5000};
  for (const size_t count : counts) Remember(Stamp(count), count);
  Reopen();
  for (const size_t count : counts) {
    EXPECT_TRUE(cache_->Contains(Stamp(count)).value());
    EXPECT_EQ(Recall(Stamp(count)), Segments(count)) << count;
  }
}

TEST_F(HashCacheTest, KnowsAFileOnlyByAllThatItIsKnownBy) {
  Remember(Stamp(1), 3);
  EXPECT_TRUE(cache_->Contains(Stamp(1)).value());
  FileStamp other = Stamp(1);
  other.size += 1;
  EXPECT_FALSE(cache_->Contains(other).value());
  other = Stamp(1);
  other.mtime_ns += 1;
  EXPECT_FALSE(cache_->Contains(other).value());
  other = Stamp(1);
  other.ctime_ns += 1;
  EXPECT_FALSE(cache_->Contains(other).value());
  other = Stamp(1);
  other.device += 1;
  EXPECT_FALSE(cache_->Contains(other).value());
  EXPECT_FALSE(cache_->Contains(Stamp(2)).value());
}

TEST_F(HashCacheTest, DoesNotRememberWhatWasWrittenAMomentAgo) {
  Remember(Stamp(1, kNow - absl::Seconds(1)), 3);
  Remember(Stamp(2, kNow + absl::Hours(1)), 3);
  Remember(Stamp(3, kNow - absl::Seconds(3)), 3);
  EXPECT_FALSE(cache_->Contains(Stamp(1, kNow - absl::Seconds(1))).value());
  EXPECT_FALSE(cache_->Contains(Stamp(2, kNow + absl::Hours(1))).value());
  EXPECT_TRUE(cache_->Contains(Stamp(3, kNow - absl::Seconds(3))).value());
}

TEST_F(HashCacheTest, ForgetsWhatWasNotCompleted) {
  Remember(Stamp(1), 5000);
  FileStamp changed = Stamp(1);
  changed.size = 7;
  cache_->Begin(changed);
  for (const ManifestSegment& segment : Segments(2500)) ASSERT_THAT(cache_->Add(segment), IsOk());
  Reopen();
  EXPECT_FALSE(cache_->Contains(changed).value());
  Remember(changed, 10);
  EXPECT_EQ(Recall(changed), Segments(10)) << "without what a longer file left";
}

TEST_F(HashCacheTest, IsMadeAnewWhereItIsDamaged) {
  Remember(Stamp(1), 3);
  cache_.reset();
  directory_.Write("hashes.db", std::string(100'000, 'x'));
  Reopen();
  EXPECT_FALSE(cache_->Contains(Stamp(1)).value());
  Remember(Stamp(1), 3);
  EXPECT_TRUE(cache_->Contains(Stamp(1)).value());
}

TEST_F(HashCacheTest, IsSharedByTwoRunsAtOnce) {
  Remember(Stamp(1), 3);
  ASSERT_THAT(cache_->Save(), IsOk());
  const auto other = HashCache::Open(path_);
  ASSERT_THAT(other, IsOk());
  EXPECT_TRUE((*other)->Contains(Stamp(1)).value());
  Remember(Stamp(2), 3);
  ASSERT_THAT(cache_->Save(), IsOk());
  EXPECT_TRUE((*other)->Contains(Stamp(2)).value());
}

}  // namespace
}  // namespace bpa::controller

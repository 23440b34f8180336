#include "controller/staging/chunker.h"

#include <set>
#include <string>
#include <vector>

#include "tests/controller/staging/source_samples.h"

namespace bpa::controller {
namespace {

using ::bpa::testing::RandomBytes;

std::vector<std::string_view> Chunks(std::string_view content) {
  std::vector<std::string_view> chunks;
  while (!content.empty()) {
    chunks.push_back(content.substr(0, FirstChunk(content)));
    content.remove_prefix(chunks.back().size());
  }
  return chunks;
}

TEST(ChunkerTest, KeepsLengthsWithinTheirLimitsAndNearTheAverage) {
  const std::string content = RandomBytes(16 << 20);
  const auto chunks = Chunks(content);
  for (size_t i = 0; i + 1 < chunks.size(); ++i) {
    EXPECT_GE(chunks[i].size(), kMinChunkBytes);
    EXPECT_LE(chunks[i].size(), kLargestChunkBytes);
  }
  EXPECT_NEAR(static_cast<double>(content.size() / chunks.size()), kAverageChunkBytes,
              kAverageChunkBytes / 4);
}

TEST(ChunkerTest, CutsTheSameInEveryRelease) {
  std::vector<size_t> lengths;
  const std::string content = RandomBytes(512 * 1024, 7);
  for (const std::string_view chunk : Chunks(content)) lengths.push_back(chunk.size());
  EXPECT_THAT(lengths,
              ::testing::ElementsAre(95794, 67594, 53770, 50011, 65605, 89694, 83632, 18188));
}

TEST(ChunkerTest, LeavesTheChunksAroundAnInsertionAsTheyWere) {
  const std::string before = RandomBytes(8 << 20);
  std::string after = before;
  after.insert(after.size() / 2, "inserted");
  const auto chunks = Chunks(before);
  const std::set<std::string_view> known(chunks.begin(), chunks.end());
  size_t fresh = 0;
  for (const std::string_view chunk : Chunks(after)) {
    if (!known.contains(chunk)) fresh += chunk.size();
  }
  EXPECT_GT(fresh, 0u);
  EXPECT_LE(fresh, 2 * kLargestChunkBytes);
}

TEST(ChunkerTest, DoesNotLookBeyondTheLargestChunk) {
  std::string content = RandomBytes(2 * kLargestChunkBytes);
  const size_t first = FirstChunk(content);
  content.resize(kLargestChunkBytes);
  EXPECT_EQ(FirstChunk(content), first);
}

TEST(ChunkerTest, TakesWhatIsShorterThanTheShortestChunkWhole) {
  EXPECT_EQ(FirstChunk("x"), 1u);
  EXPECT_EQ(FirstChunk(RandomBytes(kMinChunkBytes)), kMinChunkBytes);
  EXPECT_EQ(FirstChunk(std::string(2 * kLargestChunkBytes, 'x')), kLargestChunkBytes);
}

TEST(ChunkerTest, SeesASingleByteAmongZeros) {
  std::string zeros(kZeroBlockBytes, '\0');
  EXPECT_TRUE(IsAllZero(zeros));
  EXPECT_TRUE(IsAllZero(""));
  for (const size_t at : {size_t{0}, size_t{1}, kZeroBlockBytes / 2, kZeroBlockBytes - 1}) {
    zeros[at] = 1;
    EXPECT_FALSE(IsAllZero(zeros)) << at;
    zeros[at] = 0;
  }
}

}  // namespace
}  // namespace bpa::controller

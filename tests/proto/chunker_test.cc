#include "proto/chunker.h"

#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/random_bytes.h"

namespace bpa {
namespace {

using ::bpa::testing::RandomBytes;

constexpr CutSizes kSizes = {.min = 16 * 1024, .average_bits = 16, .largest = 256 * 1024};

std::vector<std::string_view> Chunks(std::string_view content) {
  std::vector<std::string_view> chunks;
  while (!content.empty()) {
    chunks.push_back(content.substr(0, FirstPiece(content, kSizes)));
    content.remove_prefix(chunks.back().size());
  }
  return chunks;
}

TEST(ChunkerTest, KeepsLengthsWithinTheirLimitsAndNearTheAverage) {
  const std::string content = RandomBytes(16 << 20);
  const auto chunks = Chunks(content);
  for (size_t i = 0; i + 1 < chunks.size(); ++i) {
    EXPECT_GE(chunks[i].size(), kSizes.min);
    EXPECT_LE(chunks[i].size(), kSizes.largest);
  }
  const double average = static_cast<double>(content.size()) / static_cast<double>(chunks.size());
  EXPECT_NEAR(average, static_cast<double>(kSizes.average()),
              0.25 * static_cast<double>(kSizes.average()));
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
  EXPECT_LE(fresh, 2 * kSizes.largest);
}

TEST(ChunkerTest, DoesNotLookBeyondTheLargestChunk) {
  std::string content = RandomBytes(2 * kSizes.largest);
  const size_t first = FirstPiece(content, kSizes);
  content.resize(kSizes.largest);
  EXPECT_EQ(FirstPiece(content, kSizes), first);
}

TEST(ChunkerTest, TakesWhatIsShorterThanTheShortestChunkWhole) {
  EXPECT_EQ(FirstPiece("x", kSizes), 1u);
  EXPECT_EQ(FirstPiece(RandomBytes(kSizes.min), kSizes), kSizes.min);
  EXPECT_EQ(FirstPiece(std::string(2 * kSizes.largest, 'x'), kSizes), kSizes.largest);
}

}  // namespace
}  // namespace bpa

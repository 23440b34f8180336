#include "proto/manifest_index.h"

#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/sha256.h"
#include "tests/proto/manifest_samples.h"
#include "tests/random_bytes.h"
#include "tests/status_matchers.h"

namespace bpa {
namespace {

using ::absl::StatusCode;
using ::bpa::testing::IsOk;
using ::bpa::testing::MemoryFile;
using ::bpa::testing::RandomBytes;
using ::bpa::testing::StatusIs;
using ::testing::HasSubstr;

std::vector<ManifestPiece> Pieces(const std::string& manifest) {
  const MemoryFile file(manifest);
  std::vector<ManifestPiece> pieces;
  EXPECT_THAT(ForEachManifestPiece(file.fd(),
                                   [&](const ManifestPiece& piece) {
                                     pieces.push_back(piece);
                                     return absl::OkStatus();
                                   }),
              IsOk());
  return pieces;
}

std::string Index(const std::string& manifest) {
  const MemoryFile file(manifest);
  return MakeManifestIndex(file.fd()).value();
}

TEST(ManifestIndexTest, CutsAManifestWithoutGapsAndGivesEachPieceHalfItsDigest) {
  const std::string manifest = RandomBytes(1'000'000);
  uint64_t end = 0;
  for (const ManifestPiece& piece : Pieces(manifest)) {
    ASSERT_EQ(piece.offset, end);
    end += piece.length;
    const Sha256 whole = DigestOf(manifest.substr(piece.offset, piece.length));
    EXPECT_TRUE(std::equal(piece.digest.begin(), piece.digest.end(), whole.begin()));
  }
  EXPECT_EQ(end, manifest.size());
}

TEST(ManifestIndexTest, ReadsBackAsThePiecesItWasMadeOf) {
  const std::string manifest = RandomBytes(300'000);
  const auto parsed = ParseManifestIndex(Index(manifest), manifest.size());
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(*parsed, Pieces(manifest));
}

TEST(ManifestIndexTest, IsTheSameInEveryRelease) {
  // A node cuts its own manifest as the bpactl of another release cuts the new one.
  std::vector<uint32_t> lengths;
  for (const ManifestPiece& piece : Pieces(RandomBytes(8000, 7))) lengths.push_back(piece.length);
  EXPECT_THAT(lengths, ::testing::ElementsAre(1432, 1072, 1053, 360, 1168, 408, 1115, 1215, 177));
}

TEST(ManifestIndexTest, SharesAllPiecesButThoseAroundAChange) {
  const std::string before = RandomBytes(500'000);
  std::string after = before;
  after.replace(100'000, 37, RandomBytes(37, 2));
  after.insert(400'000, "inserted");
  std::set<PieceDigest> known;
  for (const ManifestPiece& piece : Pieces(before)) known.insert(piece.digest);
  uint64_t fresh = 0;
  for (const ManifestPiece& piece : Pieces(after)) {
    if (!known.contains(piece.digest)) fresh += piece.length;
  }
  EXPECT_GT(fresh, 0u);
  EXPECT_LE(fresh, 16'000u);
}

TEST(ManifestIndexTest, IsASmallPartOfTheManifest) {
  EXPECT_LE(Index(RandomBytes(10'000'000)).size(), 250'000u);
}

TEST(ManifestIndexTest, IsEmptyForAManifestThatIsBetterSentWhole) {
  EXPECT_EQ(Index(RandomBytes(kMinIndexedManifestBytes - 1)), "");
  EXPECT_NE(Index(RandomBytes(kMinIndexedManifestBytes)), "");
  EXPECT_EQ(Index(RandomBytes(size_t{100} << 20)), "") << "more pieces than an index may hold";
}

TEST(ManifestIndexTest, RefusesWhatIsNoIndexOfThatManifest) {
  const std::string manifest = RandomBytes(100'000);
  const std::string good = Index(manifest);
  std::string empty_piece = good, huge_piece = good, tiny_piece = good;
  empty_piece.replace(0, 4, std::string(4, '\0'));
  tiny_piece.replace(0, 4, std::string("\0\0\0\x01", 4));
  huge_piece.replace(0, 4, "\xff\xff\xff\xff");
  const struct {
    std::string index;
    uint64_t manifest_bytes;
    std::string says;
  } cases[] = {
      {"", 100'000, "its pieces are 0 bytes, the manifest 100000"},
      {good, 99'999, "its pieces are 100000 bytes, the manifest 99999"},
      {good.substr(1), 100'000, "entries of 20"},
      {good + "x", 100'000, "entries of 20"},
      {good.substr(20), 100'000, "the manifest 100000"},
      {empty_piece, 100'000, "a piece of 0 bytes at 0"},
      {tiny_piece, 100'000, "a piece of 1 bytes at 0"},
      {huge_piece, 100'000, "a piece of 4294967295 bytes at 0"},
      {std::string(kMaxManifestIndexBytes + 20, '\x01'), 100'000, "are not at most 65536 entries"},
  };
  for (const auto& bad : cases) {
    SCOPED_TRACE(bad.says);
    EXPECT_THAT(ParseManifestIndex(bad.index, bad.manifest_bytes).status(),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr(bad.says)));
  }
}

}  // namespace
}  // namespace bpa

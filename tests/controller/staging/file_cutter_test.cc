#include "controller/staging/file_cutter.h"

#include <fcntl.h>

#include <filesystem>

#include "absl/time/clock.h"
#include "tests/controller/staging/source_samples.h"

namespace bpa::controller {
namespace {

using ::bpa::testing::IsOk;
using ::bpa::testing::OpenTree;
using ::bpa::testing::RandomBytes;
using ::bpa::testing::StampOf;
using ::bpa::testing::StatusIs;
using ::bpa::testing::TemporaryDirectory;
using ::testing::HasSubstr;

class FileCutterTest : public ::testing::Test {
 protected:
  struct Cuts {
    std::string content;  // holes as zeros
    std::vector<CutBatch::Piece> pieces;
    uint64_t holes = 0;
  };

  absl::StatusOr<Cuts> Cut(bool with_content = true) const {
    const auto tree = OpenTree(source_.path());
    const auto fd = tree->OpenFile("f");
    if (!fd.ok()) return fd.status();
    const FileStamp stamp = StampOf(source_.File("f"));
    const std::string path = "f";
    FileCutter cutter(*tree, path, fd->get(), stamp);
    Cuts cuts;
    CutBatch batch;
    for (;;) {
      const auto more = cutter.Next(&batch);
      if (!more.ok()) return more.status();
      if (!*more) return cuts;
      for (const CutBatch::Piece& piece : batch.pieces()) {
        EXPECT_FALSE(piece.hole && !cuts.pieces.empty() && cuts.pieces.back().hole);
        cuts.pieces.push_back(piece);
        if (piece.hole) cuts.holes += piece.length;
        if (!with_content) continue;
        cuts.content +=
            piece.hole ? std::string(piece.length, '\0') : std::string(batch.BytesOf(piece));
      }
    }
  }
  void ExpectWhole(const std::string& content, uint64_t holes) const {
    source_.Write("f", content);
    const auto cuts = Cut();
    ASSERT_THAT(cuts, IsOk());
    EXPECT_TRUE(cuts->content == content);
    EXPECT_EQ(cuts->holes, holes);
  }

  const TemporaryDirectory source_;
};

TEST_F(FileCutterTest, ReturnsEveryByteOnce) {
  for (const size_t size : {size_t{0}, size_t{1}, kChunkSizes.min, kZeroBlockBytes,
                            kZeroBlockBytes + 1, CutBatch::kCapacity - 1, CutBatch::kCapacity,
                            CutBatch::kCapacity + 1, 5 * CutBatch::kCapacity + 12345}) {
    SCOPED_TRACE(size);
    ExpectWhole(RandomBytes(size), 0);
  }
}

TEST_F(FileCutterTest, CutsAsIfTheFileWereInMemory) {
  const std::string content = RandomBytes(5'000'000);
  source_.Write("f", content);
  std::vector<size_t> expected;
  for (std::string_view left = content; !left.empty(); left.remove_prefix(expected.back())) {
    expected.push_back(FirstPiece(left, kChunkSizes));
  }
  std::vector<size_t> lengths;
  const Cuts cuts = Cut().value();
  for (const CutBatch::Piece& piece : cuts.pieces) lengths.push_back(piece.length);
  EXPECT_EQ(lengths, expected);
}

TEST_F(FileCutterTest, MakesHolesOfWholeBlocksOfZeros) {
  const std::string zeros(3 * kZeroBlockBytes, '\0');
  ExpectWhole(zeros, zeros.size());
  ExpectWhole(RandomBytes(kZeroBlockBytes) + zeros + "x", zeros.size());
  ExpectWhole("x" + zeros, zeros.size() - kZeroBlockBytes + 1);
  ExpectWhole(RandomBytes(100) + zeros + RandomBytes(100, 2), zeros.size() - kZeroBlockBytes);
  ExpectWhole(std::string(5, '\0'), 5);
}

TEST_F(FileCutterTest, SeesASingleByteAmongZeros) {
  std::string zeros(kZeroBlockBytes, '\0');
  for (const size_t at : {size_t{0}, size_t{1}, kZeroBlockBytes / 2, kZeroBlockBytes - 1}) {
    zeros[at] = 1;
    SCOPED_TRACE(at);
    ExpectWhole(zeros, 0);
    zeros[at] = 0;
  }
}

TEST_F(FileCutterTest, FindsTheSameHolesWhetherTheFilesystemHasThemOrNot) {
  const std::string content = RandomBytes(200'000) + std::string(3'000'000, '\0') +
                              RandomBytes(50'000, 2) + std::string(500'000, '\0');
  source_.Write("f", content);
  const Cuts dense = Cut().value();
  EXPECT_TRUE(dense.content == content);
  const OwnedFd file(open(source_.File("f").c_str(), O_RDWR | O_TRUNC | O_CLOEXEC));
  ASSERT_EQ(ftruncate(file.get(), static_cast<off_t>(content.size())), 0);
  ASSERT_EQ(pwrite(file.get(), content.data(), 200'000, 0), 200'000);
  ASSERT_EQ(pwrite(file.get(), content.data() + 3'200'000, 50'000, 3'200'000), 50'000);
  const Cuts sparse = Cut().value();
  EXPECT_TRUE(sparse.content == content);
  ASSERT_EQ(sparse.pieces.size(), dense.pieces.size());
  for (size_t i = 0; i < dense.pieces.size(); ++i) {
    EXPECT_EQ(sparse.pieces[i].length, dense.pieces[i].length) << i;
    EXPECT_EQ(sparse.pieces[i].hole, dense.pieces[i].hole) << i;
  }
}

TEST_F(FileCutterTest, ReadsNothingOfAHugeHole) {
  source_.Write("f", "x");
  std::filesystem::resize_file(source_.File("f"), uint64_t{20} << 30);
  const absl::Time begin = absl::Now();
  const auto cuts = Cut(/*with_content=*/false);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(1));
  ASSERT_THAT(cuts, IsOk());
  ASSERT_EQ(cuts->pieces.size(), 2u);
  EXPECT_EQ(cuts->holes, (uint64_t{20} << 30) - cuts->pieces[0].length);
}

TEST_F(FileCutterTest, NamesAFileThatChangesWhileItIsRead) {
  const std::string content = RandomBytes(3 * CutBatch::kCapacity);
  enum Change { kAppend, kOverwrite, kTruncate };
  for (const Change change : {kAppend, kOverwrite, kTruncate}) {
    source_.Write("f", content);
    const auto tree = OpenTree(source_.path());
    const auto fd = tree->OpenFile("f");
    const FileStamp stamp = StampOf(source_.File("f"));
    const std::string path = "f";
    FileCutter cutter(*tree, path, fd->get(), stamp);
    CutBatch batch;
    ASSERT_TRUE(cutter.Next(&batch).value());
    absl::SleepFor(absl::Milliseconds(10));
    const OwnedFd writer(open(source_.File("f").c_str(), O_RDWR | O_CLOEXEC));
    if (change == kTruncate) {
      ASSERT_EQ(ftruncate(writer.get(), 10), 0);
    } else {
      ASSERT_EQ(pwrite(writer.get(), "x", 1, change == kAppend ? stamp.size : 5), 1);
    }
    absl::StatusOr<bool> more = true;
    while (more.ok() && *more) more = cutter.Next(&batch);
    EXPECT_THAT(more, StatusIs(absl::StatusCode::kAborted,
                               HasSubstr(source_.path() + "/f' changes while it is read")))
        << change;
  }
}

}  // namespace
}  // namespace bpa::controller

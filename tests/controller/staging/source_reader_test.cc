#include "controller/staging/source_reader.h"

#include <fcntl.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controller/staging/file_cutter.h"
#include "proto/manifest_index.h"
#include "tests/controller/staging/source_samples.h"

namespace bpa::controller {
namespace {

using ::bpa::testing::IsOk;
using ::bpa::testing::MemoryFile;
using ::bpa::testing::OpenTree;
using ::bpa::testing::RandomBytes;
using ::bpa::testing::StatusIs;
using ::bpa::testing::TemporaryDirectory;
using ::testing::HasSubstr;

class SourceReaderTest : public ::testing::Test {
 protected:
  // After the tree was written.
  void Open() {
    const auto tree = OpenTree(source_.path());
    const MemoryFile file;
    const auto made = MakeManifest(*tree, file.fd(), {});
    ASSERT_THAT(made, IsOk());
    manifest_ = file.Bytes();
    digest_ = std::string(made->digest.begin(), made->digest.end());
    header_ = made->header;
    std::vector<PackageContent> packages;
    packages.push_back({.digest = made->digest,
                        .manifest_bytes = made->bytes,
                        .manifest = OwnedFd(dup(file.fd())),
                        .manifest_index = MakeManifestIndex(file.fd()).value(),
                        .tree = OpenTree(source_.path())});
    auto reader = SourceReader::Open(std::move(packages));
    ASSERT_THAT(reader, IsOk());
    reader_ = *std::move(reader);
  }
  v1::Want Want(const std::vector<std::pair<uint64_t, uint64_t>>& ranges) const {
    v1::Want want;
    want.set_manifest_sha256(digest_);
    for (const auto& [first, count] : ranges) {
      v1::ChunkRange* range = want.add_chunks();
      range->set_first(first);
      range->set_count(count);
    }
    return want;
  }
  v1::Want WantManifest(uint64_t offset) const {
    v1::Want want;
    want.set_manifest_sha256(digest_);
    want.set_manifest_offset(offset);
    return want;
  }
  v1::Want WantManifest(uint64_t offset, uint64_t count) const {
    v1::Want want = WantManifest(offset);
    want.set_manifest_count(count);
    return want;
  }
  v1::Want WantIndex() const {
    v1::Want want;
    want.set_manifest_sha256(digest_);
    want.set_manifest_index(true);
    return want;
  }
  static absl::StatusOr<std::string> Drain(ContentStream& stream) {
    std::string all;
    for (;;) {
      const auto piece = stream.Next();
      if (!piece.ok()) return piece.status();
      EXPECT_LE(piece->size(), kMaxContentPieceBytes);
      if (piece->empty()) return all;
      all += *piece;
    }
  }
  absl::StatusOr<std::string> Read(const v1::Want& want) {
    const auto stream = reader_->Open();
    if (absl::Status status = stream->Want(want); !status.ok()) return status;
    return Drain(*stream);
  }

  const TemporaryDirectory source_;
  std::string manifest_;
  std::string digest_;
  ManifestHeader header_;
  std::unique_ptr<SourceReader> reader_;
};

TEST_F(SourceReaderTest, SendsAllOfATreeInTheManifestsOrder) {
  const std::string a = RandomBytes(3'000'000, 1);
  const std::string b = RandomBytes(1'000, 2);
  source_.Write("a", a);
  source_.Write("b", b);
  Open();
  EXPECT_TRUE(Read(Want({{0, header_.chunks}})).value() == a + b);
  EXPECT_TRUE(Read(WantManifest(0)).value() == manifest_);
  EXPECT_TRUE(Read(WantManifest(100)).value() == manifest_.substr(100));
}

TEST_F(SourceReaderTest, SendsPartsOfAManifestAndItsIndex) {
  for (int i = 0; i < 1000; ++i) source_.Write(absl::StrCat("a-file-", i), absl::StrCat(i));
  Open();
  EXPECT_TRUE(Read(WantManifest(100, 7)).value() == manifest_.substr(100, 7));
  EXPECT_TRUE(Read(WantManifest(manifest_.size() - 1, 1)).value() ==
              manifest_.substr(manifest_.size() - 1));
  const std::string index = Read(WantIndex()).value();
  EXPECT_THAT(ParseManifestIndex(index, manifest_.size()), IsOk());
  const auto stream = reader_->Open();
  ASSERT_THAT(stream->Want(WantIndex()), IsOk());
  ASSERT_THAT(stream->Want(WantManifest(5, 5)), IsOk());
  EXPECT_TRUE(Drain(*stream).value() == index + manifest_.substr(5, 5));
}

TEST_F(SourceReaderTest, LeavesOutTheHoles) {
  const std::string a = RandomBytes(kZeroBlockBytes, 1);
  source_.Write("a", a + std::string(10 * kZeroBlockBytes, '\0') + "end");
  Open();
  EXPECT_TRUE(Read(Want({{0, header_.chunks}})).value() == a + "end");
}

TEST_F(SourceReaderTest, AnswersTwoWantsBackToBack) {
  source_.Write("a", RandomBytes(3'000'000, 1));
  Open();
  const auto stream = reader_->Open();
  ASSERT_THAT(stream->Want(WantManifest(0)), IsOk());
  ASSERT_THAT(stream->Want(Want({{0, header_.chunks}})), IsOk());
  EXPECT_TRUE(Drain(*stream).value() == manifest_ + RandomBytes(3'000'000, 1));
  EXPECT_EQ(stream->Next().value(), "") << "and waits for more";
  ASSERT_THAT(stream->Want(WantManifest(0)), IsOk());
  EXPECT_TRUE(Drain(*stream).value() == manifest_);
}

TEST_F(SourceReaderTest, SendsAnyChunksFromAnywhere) {
  std::vector<std::string> chunks;
  for (int i = 0; i < 6000; ++i) {
    // One chunk each: more files than the index has places.
    chunks.push_back(absl::StrCat("content of file ", i));
    source_.Write(absl::StrCat(100000 + i), chunks.back());
  }
  Open();
  ASSERT_EQ(header_.chunks, chunks.size());
  std::string expected;
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  for (uint64_t first = 3; first + 3 < chunks.size(); first += 97) {
    ranges.push_back({first, 2});
    expected += chunks[first] + chunks[first + 1];
  }
  EXPECT_EQ(Read(Want(ranges)).value(), expected);
  const auto stream = reader_->Open();
  for (const uint64_t chunk : {5999, 0, 4095, 4096, 17, 5998}) {
    ASSERT_THAT(stream->Want(Want({{chunk, 1}})), IsOk());
    EXPECT_EQ(Drain(*stream).value(), chunks[chunk]) << chunk;
  }
}

TEST_F(SourceReaderTest, ReadsTheSourceOnceForSeveralNodesAtOnePace) {
  source_.Write("a", RandomBytes(30'000'000, 1));
  Open();
  std::vector<std::unique_ptr<ContentStream>> streams;
  for (int i = 0; i < 4; ++i) {
    streams.push_back(reader_->Open());
    ASSERT_THAT(streams.back()->Want(Want({{0, header_.chunks}})), IsOk());
  }
  uint64_t sent = 0;
  for (bool more = true; more;) {
    for (const auto& stream : streams) {
      const std::string piece = stream->Next().value();
      sent += piece.size();
      more = !piece.empty();
    }
  }
  EXPECT_EQ(sent, 120'000'000u);
  EXPECT_EQ(reader_->bytes_read(), 30'000'000u);
}

// How many pieces `stream` gives before it would leave the slowest behind.
int PiecesUntilAhead(ContentStream& stream) {
  int pieces = 0;
  while (!stream.IsAhead()) {
    if (stream.Next().value().empty()) break;
    ++pieces;
  }
  return pieces;
}

TEST_F(SourceReaderTest, LetsTheSlowestNodeSetThePaceSoThatTheSourceIsReadOnce) {
  source_.Write("a", RandomBytes(24'000'000, 1));
  Open();
  const auto slow = reader_->Open();
  const auto fast = reader_->Open();
  for (const auto* stream : {&slow, &fast}) {
    ASSERT_THAT((*stream)->Want(Want({{0, header_.chunks}})), IsOk());
  }
  const int window = PiecesUntilAhead(*fast);
  EXPECT_GT(window, 50);
  EXPECT_LE(window, 64);
  // Each piece that the slow one takes lets the fast one have about one more.
  for (int i = 0; i < 20; ++i) ASSERT_FALSE(slow->Next().value().empty());
  EXPECT_NEAR(PiecesUntilAhead(*fast), 20, 3);
  EXPECT_FALSE(slow->IsAhead());
  while (!slow->Next().value().empty()) {
    ASSERT_FALSE(slow->IsAhead());
    (void)PiecesUntilAhead(*fast);
  }
  EXPECT_EQ(reader_->bytes_read(), 24'000'000u);
}

TEST_F(SourceReaderTest, LeavesANodeBehindThatHasNotMovedForAWhile) {
  source_.Write("a", RandomBytes(24'000'000, 1));
  Open();
  reader_->set_patience(absl::Milliseconds(50));
  const auto stalled = reader_->Open();
  const auto fast = reader_->Open();
  for (const auto* stream : {&stalled, &fast}) {
    ASSERT_THAT((*stream)->Want(Want({{0, header_.chunks}})), IsOk());
  }
  const int window = PiecesUntilAhead(*fast);
  absl::SleepFor(absl::Milliseconds(60));
  EXPECT_GT(PiecesUntilAhead(*fast), 24'000'000 / 262'144 - window);
  // It reads for itself when it comes back, and keeps nobody.
  EXPECT_EQ(Drain(*stalled).value().size(), 24'000'000u);
  EXPECT_GT(reader_->bytes_read(), 24'000'000u);
}

TEST_F(SourceReaderTest, WaitsForNobodyWhoHasPassedOrWillNotComeBack) {
  source_.Write("a", RandomBytes(24'000'000, 1));
  Open();
  const auto ended = reader_->Open();
  ASSERT_THAT(ended->Want(Want({{header_.chunks - 1, 1}})), IsOk());
  ASSERT_THAT(Drain(*ended), IsOk());
  auto gone = reader_->Open();
  gone.reset();
  const auto fast = reader_->Open();
  ASSERT_THAT(fast->Want(Want({{0, header_.chunks}})), IsOk());
  EXPECT_EQ(PiecesUntilAhead(*fast), 24'000'000 / 262'144 + 1);
}

TEST_F(SourceReaderTest, NamesAFileThatChangedSinceItsManifest) {
  source_.Write("a", RandomBytes(100'000, 1));
  source_.Write("b\n", RandomBytes(100'000, 2));
  Open();
  source_.Write("b\n", RandomBytes(100'000, 3));
  EXPECT_THAT(Read(Want({{0, header_.chunks}})),
              StatusIs(absl::StatusCode::kAborted,
                       HasSubstr(source_.path() + "/b\\n' changes while it is read")));
}

TEST_F(SourceReaderTest, NamesAFileThatChangesWhileItIsSent) {
  source_.Write("a", RandomBytes(30'000'000, 1));
  Open();
  const auto stream = reader_->Open();
  ASSERT_THAT(stream->Want(Want({{0, header_.chunks}})), IsOk());
  ASSERT_THAT(stream->Next(), IsOk());
  std::filesystem::resize_file(source_.File("a"), 1000);
  EXPECT_THAT(Drain(*stream), StatusIs(absl::StatusCode::kAborted, HasSubstr("/a' changes")));
}

TEST_F(SourceReaderTest, NamesAFileThatIsGoneOrIsALinkNow) {
  source_.Write("a", "content");
  Open();
  std::filesystem::remove(source_.File("a"));
  EXPECT_THAT(Read(Want({{0, 1}})), StatusIs(absl::StatusCode::kAborted, HasSubstr("/a' changes")));
  ASSERT_EQ(symlink("/etc/passwd", source_.File("a").c_str()), 0);
  EXPECT_THAT(Read(Want({{0, 1}})), StatusIs(absl::StatusCode::kAborted, HasSubstr("/a' changes")));
}

TEST_F(SourceReaderTest, RefusesWantsThatNoHonestNodeSends) {
  source_.Write("a", RandomBytes(1'000'000, 1));
  Open();
  const auto refused = StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("asks for what"));
  v1::Want other = WantManifest(0);
  other.set_manifest_sha256(std::string(32, 'x'));
  EXPECT_THAT(Read(other), refused) << "another manifest";
  EXPECT_THAT(Read(WantManifest(manifest_.size())), refused) << "behind the manifest";
  EXPECT_THAT(Read(WantManifest(1, manifest_.size())), refused) << "beyond its end";
  EXPECT_THAT(Read(WantManifest(1, ~uint64_t{0})), refused) << "around the corner";
  EXPECT_THAT(Read(WantIndex()), refused) << "an index, which so small a manifest has not";
  v1::Want index_and_manifest = WantIndex();
  index_and_manifest.set_manifest_offset(0);
  EXPECT_THAT(Read(index_and_manifest), refused) << "two things at once";
  EXPECT_THAT(Read(Want({})), refused) << "nothing";
  EXPECT_THAT(Read(Want({{header_.chunks, 1}})), refused) << "an unknown chunk";
  EXPECT_THAT(Read(Want({{1, header_.chunks}})), refused) << "too many";
  EXPECT_THAT(Read(Want({{1, ~uint64_t{0}}})), refused) << "around the corner";
  EXPECT_THAT(Read(Want({{1, 0}})), refused) << "an empty range";
  EXPECT_THAT(Read(Want({{2, 1}, {1, 1}})), refused) << "out of order";
  EXPECT_THAT(Read(Want({{1, 2}, {2, 1}})), refused) << "overlapping";
  EXPECT_THAT(Read(Want(std::vector<std::pair<uint64_t, uint64_t>>(4097, {0, 1}))), refused);
  v1::Want both = Want({{0, 1}});
  both.set_manifest_offset(0);
  EXPECT_THAT(Read(both), refused) << "both";
  const auto stream = reader_->Open();
  ASSERT_THAT(stream->Want(WantManifest(0)), IsOk());
  ASSERT_THAT(stream->Want(WantManifest(0)), IsOk());
  EXPECT_THAT(stream->Want(WantManifest(0)), refused) << "a third";
}

TEST(RecentChunksTest, ForgetsTheOldestBeyondItsBytes) {
  RecentChunks recent(10);
  const auto chunk = [](size_t size) { return std::make_shared<const std::string>(size, 'x'); };
  recent.Add({0, 1}, chunk(4));
  recent.Add({0, 2}, chunk(4));
  recent.Add({0, 3}, chunk(4));
  EXPECT_EQ(recent.Find({0, 1}), nullptr);
  EXPECT_NE(recent.Find({0, 2}), nullptr);
  EXPECT_NE(recent.Find({0, 3}), nullptr);
  recent.Add({0, 4}, chunk(11));
  EXPECT_EQ(recent.Find({0, 3}), nullptr);
}

}  // namespace
}  // namespace bpa::controller

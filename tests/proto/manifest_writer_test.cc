#include "proto/manifest_writer.h"

#include <string>

#include "absl/strings/escaping.h"
#include "tests/proto/manifest_samples.h"
#include "tests/proto/testdata.h"
#include "tests/status_matchers.h"

namespace bpa {
namespace {

using ::bpa::testing::Directory;
using ::bpa::testing::File;
using ::bpa::testing::GoldenManifest;
using ::bpa::testing::IsOk;
using ::bpa::testing::ManifestItem;
using ::bpa::testing::MemoryFile;
using ::bpa::testing::StatusIs;
using ::bpa::testing::Symlink;
using ::bpa::testing::Testdata;
using ::testing::HasSubstr;

auto Refused(const std::string& message) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message));
}

class ManifestWriterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    writer_ = ManifestWriter::Create(file_.fd()).value();
    ASSERT_THAT(writer_->Add(Directory("")), IsOk());
  }

  const MemoryFile file_;
  std::unique_ptr<ManifestWriter> writer_;
};

TEST(ManifestWriterGoldenTest, WritesTheGoldenManifestByteByByte) {
  const MemoryFile file;
  const auto writer = ManifestWriter::Create(file.fd()).value();
  for (const ManifestItem& item : GoldenManifest()) {
    ASSERT_THAT(writer->Add(item.entry), IsOk());
    for (const ManifestSegment& segment : item.segments) {
      ASSERT_THAT(segment.hole
                      ? writer->AddHole(segment.length)
                      : writer->AddData(static_cast<uint32_t>(segment.length), segment.digest),
                  IsOk());
    }
  }
  const auto finished = writer->Finish();
  ASSERT_THAT(finished, IsOk());
  EXPECT_EQ(file.Bytes(), Testdata("manifest.bin"));
  EXPECT_EQ(finished->bytes, file.Bytes().size());
  EXPECT_EQ(finished->header,
            (ManifestHeader{.entries = 6, .chunks = 2, .content_bytes = 5'000'000'011}));
  const std::string digest(finished->digest.begin(), finished->digest.end());
  EXPECT_EQ(absl::BytesToHexString(digest) + "\n", Testdata("manifest.sha256"));
}

TEST_F(ManifestWriterTest, RefusesAnEntryThatNoReaderTakesAndNamesIt) {
  EXPECT_THAT(writer_->Add(File("a/b\n")), Refused("'a/b\\n' lies in a directory"));
}

TEST_F(ManifestWriterTest, RefusesAFileWithoutAllOfItsContent) {
  ASSERT_THAT(writer_->Add(File("a", 10)), IsOk());
  ASSERT_THAT(writer_->AddData(4, {}), IsOk());
  EXPECT_THAT(writer_->Add(File("b")), Refused("'a' has segments of 4 bytes"));
  EXPECT_THAT(writer_->Finish(), Refused("'a' has segments of 4 bytes"));
}

TEST_F(ManifestWriterTest, RefusesContentBeyondAFilesSize) {
  ASSERT_THAT(writer_->Add(File("a", 10)), IsOk());
  ASSERT_THAT(writer_->AddHole(8), IsOk());
  EXPECT_THAT(writer_->AddData(3, {}), Refused("'a' has a segment beyond its size"));
}

TEST_F(ManifestWriterTest, RefusesContentOfWhatIsNoFile) {
  EXPECT_THAT(writer_->AddData(1, {}), Refused("'' has content and is not a file"));
  ASSERT_THAT(writer_->Add(Symlink("l", "t")), IsOk());
  EXPECT_THAT(writer_->AddHole(1), Refused("'l' has content and is not a file"));
}

TEST_F(ManifestWriterTest, RefusesSegmentsThatNoReaderTakes) {
  ASSERT_THAT(writer_->Add(File("a", 10'000'000)), IsOk());
  EXPECT_THAT(writer_->AddData(0, {}), Refused("a chunk of 0 bytes"));
  EXPECT_THAT(writer_->AddData(kMaxChunkBytes + 1, {}), Refused("a chunk of 1048577 bytes"));
  EXPECT_THAT(writer_->AddHole(0), Refused("a hole of 0 bytes"));
  EXPECT_THAT(writer_->AddData(kMaxChunkBytes, {}), IsOk());
  EXPECT_THAT(writer_->AddHole(1), IsOk());
  EXPECT_THAT(writer_->AddHole(1), Refused("a hole after a hole"));
}

TEST_F(ManifestWriterTest, RefusesMoreContentThanFilesCanHold) {
  ASSERT_THAT(writer_->Add(File("a", kMaxContentBytes)), IsOk());
  ASSERT_THAT(writer_->AddHole(kMaxContentBytes), IsOk());
  EXPECT_THAT(writer_->Add(File("b", 1)), Refused("'b' makes the content more than"));
}

TEST(ManifestWriterGoldenTest, RefusesToWriteOverAFileOrToFinishNothing) {
  const MemoryFile full("something");
  EXPECT_THAT(ManifestWriter::Create(full.fd()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not empty")));
  const MemoryFile empty;
  EXPECT_THAT(ManifestWriter::Create(empty.fd()).value()->Finish(), Refused("root is missing"));
}

}  // namespace
}  // namespace bpa

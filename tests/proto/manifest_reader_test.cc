#include "proto/manifest_reader.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/manifest_writer.h"
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
using ::bpa::testing::Testdata;
using ::testing::HasSubstr;

auto Refused(const std::string& message) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message));
}

absl::StatusOr<std::vector<ManifestItem>> ReadAll(std::string_view bytes) {
  const MemoryFile file(bytes);
  const auto reader = ManifestReader::Open(file.fd());
  if (!reader.ok()) return reader.status();
  std::vector<ManifestItem> items;
  for (;;) {
    const auto entry = (*reader)->Next();
    if (!entry.ok()) return entry.status();
    if (!entry->has_value()) return items;
    items.push_back({.entry = **entry});
    for (;;) {
      const auto segment = (*reader)->NextSegment();
      if (!segment.ok()) return segment.status();
      if (!segment->has_value()) break;
      items.back().segments.push_back(**segment);
    }
  }
}

TEST(ManifestReaderTest, ReadsTheGoldenManifest) {
  const std::string bytes = Testdata("manifest.bin");
  const auto items = ReadAll(bytes);
  ASSERT_THAT(items, IsOk());
  EXPECT_EQ(*items, GoldenManifest());
  const MemoryFile file(bytes);
  EXPECT_EQ(ManifestReader::Open(file.fd()).value()->header(),
            (ManifestHeader{.entries = 6, .chunks = 2, .content_bytes = 5'000'000'011}));
}

TEST(ManifestReaderTest, ReadsOverTheSegmentsThatNobodyAskedFor) {
  const MemoryFile file(Testdata("manifest.bin"));
  const auto reader = ManifestReader::Open(file.fd()).value();
  size_t entries = 0;
  for (auto entry = reader->Next().value(); entry; entry = reader->Next().value()) ++entries;
  EXPECT_EQ(entries, 6u);
  EXPECT_EQ(reader->Next().value(), std::nullopt) << "the end stays the end";
}

TEST(ManifestReaderTest, RefusesEveryTruncation) {
  const std::string bytes = Testdata("manifest.bin");
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(ReadAll(bytes.substr(0, size)), Refused("truncated")) << size;
  }
}

TEST(ManifestReaderTest, RefusesOneByteTooMany) {
  const std::string bytes = Testdata("manifest.bin");
  EXPECT_THAT(ReadAll(bytes + '\0'),
              Refused(absl::StrCat("at offset ", bytes.size(), ": bytes after the last entry")));
}

struct BadByte {
  const char* what;
  size_t offset;
  char byte;
  const char* message;
};

TEST(ManifestReaderTest, RefusesABadByteByItsOffset) {
  // Offsets in the golden manifest: its header, the root at 32, "a" at 49, "a/z" at 67 with its
  // segments at 95, 132 and 141, "a b" at 178, the link at 206.
  const BadByte table[] = {
      {"another magic", 0, 'b', "offset 0: magic"},
      {"another version", 4, 2, "offset 4: version 2"},
      {"reserved", 7, 1, "offset 5: reserved"},
      {"no entries", 15, 0, "offset 8: no entries"},
      {"an entry too few", 15, 7, "truncated: an entry"},
      {"an entry too many", 15, 5, "bytes after the last entry"},
      {"a chunk too few", 23, 3, "2 chunks, where the header says 3"},
      {"a chunk too many", 23, 1, "offset 142: one more chunk than the 1"},
      {"content too little", 31, 12,
       "5000000011 bytes of content, where the header says 5000000012"},
      {"content too much", 31, 10, "'a/z' there is more content than the 5000000010"},
      {"content beyond all files", 24, '\x80', "offset 24: too many bytes"},
      {"an unknown type", 32, 4, "offset 32: unknown entry type 4"},
      {"type 0", 32, 0, "offset 32: unknown entry type 0"},
      {"a root that is a file", 32, 2, "root and not a directory"},
      {"a mode beyond 0777", 33, 4, "mode 02355"},
      {"nanoseconds", 43, '\x80', "nanoseconds"},
      {"a path of 65281 bytes", 64, '\xff', "a path of 65281 bytes"},
      {"out of order", 66, 'b', "'a/z' comes after 'b'"},
      {"a segment type", 95, 3, "offset 95: unknown segment type 3"},
      {"an empty chunk", 99, 0, "offset 96: a chunk of 0 bytes"},
      {"a chunk of 16 MiB", 96, 1, "offset 96: a chunk of 16777221 bytes"},
      {"a chunk beyond its file", 145, 7, "offset 141: a segment goes beyond the size"},
      {"a chunk short of its file", 145, 5, "offset 178: a segment goes beyond"},
      {"a hole beyond its file", 133, 1, "offset 132: a segment goes beyond the size"},
      {"a link to nothing", 228, 0, "target of 0 bytes"},
  };
  const std::string good = Testdata("manifest.bin");
  ASSERT_THAT(ReadAll(good), IsOk());
  for (const BadByte& bad : table) {
    std::string bytes = good;
    bytes[bad.offset] = bad.byte;
    EXPECT_THAT(ReadAll(bytes), Refused(bad.message)) << bad.what;
  }
}

// A manifest by hand, to say what the writer would not.
std::string OneFile(uint64_t size, const std::string& segments) {
  const auto number = [](uint64_t value, int bytes) {
    std::string out;
    while (bytes-- > 0) out.push_back(static_cast<char>(value >> (8 * bytes)));
    return out;
  };
  return std::string("BPAM\x01\0\0\0", 8) + number(2, 8) + number(0, 8) + number(size, 8) +
         std::string("\x01\x01\xed", 3) + std::string(14, '\0') + std::string("\x02\x01\xa4", 3) +
         std::string(12, '\0') + number(1, 2) + "f" + number(size, 8) + segments;
}

TEST(ManifestReaderTest, RefusesHolesInASecondSpelling) {
  const std::string hole_of_4("\x02\0\0\0\0\0\0\0\x04", 9);
  const std::string hole_of_0("\x02\0\0\0\0\0\0\0\0", 9);
  EXPECT_THAT(ReadAll(OneFile(4, hole_of_4)), IsOk());
  EXPECT_THAT(ReadAll(OneFile(8, hole_of_4 + hole_of_4)), Refused("a hole after a hole"));
  EXPECT_THAT(ReadAll(OneFile(4, hole_of_0 + hole_of_4)), Refused("a hole of 0 bytes"));
  EXPECT_THAT(ReadAll(OneFile(0, hole_of_4)), Refused("bytes after the last entry"));
  EXPECT_THAT(ReadAll(OneFile(uint64_t{1} << 63, "")), Refused("too many bytes"));
}

TEST(ManifestReaderTest, RefusesAFileThatIsTooLargeWithoutReadingIt) {
  const MemoryFile file;
  ASSERT_EQ(ftruncate(file.fd(), static_cast<off_t>(kMaxManifestBytes + 1)), 0);
  EXPECT_THAT(ManifestReader::Open(file.fd()), Refused("allowed are 4294967296"));
}

// 5000 files, every tenth with 20 chunks: many times the reader's buffer.
void WriteMany(const MemoryFile& file) {
  const auto writer = ManifestWriter::Create(file.fd()).value();
  ASSERT_THAT(writer->Add(Directory("")), IsOk());
  for (int i = 10000; i < 15000; ++i) {
    const uint32_t chunks = i % 10 == 0 ? 20 : 1;
    ASSERT_THAT(writer->Add(File(absl::StrCat(i), uint64_t{chunks} * 7)), IsOk());
    for (uint32_t chunk = 0; chunk < chunks; ++chunk) {
      ASSERT_THAT(writer->AddData(7, DigestOf(absl::StrCat(i, " ", chunk))), IsOk());
    }
  }
  ASSERT_THAT(writer->Finish(), IsOk());
}

TEST(ManifestReaderTest, ComesBackToAnyPlaceAndGoesOnAsBefore) {
  const MemoryFile file;
  WriteMany(file);
  struct Place {
    ManifestPosition position;
    ManifestEntry entry;
    std::optional<ManifestSegment> next;
  };
  std::vector<Place> places;
  const auto reader = ManifestReader::Open(file.fd()).value();
  while (auto entry = reader->Next().value()) {
    for (;;) {
      Place place{.position = reader->position(), .entry = *entry};
      place.next = reader->NextSegment().value();
      places.push_back(place);
      if (!place.next) break;
    }
  }
  for (size_t i = 0; i < places.size(); ++i) {
    const Place& place = places[i * 4999 % places.size()];
    ASSERT_EQ(reader->Seek(place.position).value(), place.entry);
    ASSERT_EQ(reader->NextSegment().value(), place.next);
  }
  ASSERT_EQ(reader->Seek(places[places.size() / 2].position).value(),
            places[places.size() / 2].entry);
  size_t after = 0;
  while (reader->Next().value()) ++after;
  EXPECT_GT(after, 2000u) << "and the counts still add up at the end";
}

TEST(ManifestReaderTest, BeginsAgainAtAnEmptyPosition) {
  const MemoryFile file(Testdata("manifest.bin"));
  const auto reader = ManifestReader::Open(file.fd()).value();
  while (reader->Next().value()) {
  }
  EXPECT_EQ(reader->Seek({}).value(), std::nullopt);
  EXPECT_EQ(reader->Next().value(), GoldenManifest()[0].entry);
  EXPECT_EQ(reader->Next().value(), GoldenManifest()[1].entry);
}

}  // namespace
}  // namespace bpa

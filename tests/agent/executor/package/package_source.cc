#include "tests/agent/executor/package/package_source.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <utility>

#include "agent/executor/linux/paths.h"
#include "proto/manifest_index.h"
#include "proto/manifest_reader.h"
#include "proto/manifest_writer.h"

namespace bpa::executor {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kZeroBlock = 64 * 1024;

// Where the chunk that begins here ends: content that moves within a file is cut alike.
size_t CutAt(std::string_view bytes, uint64_t average) {
  uint64_t hash = 0;
  const size_t limit = std::min<size_t>(bytes.size(), average * 4);
  for (size_t i = 0; i < limit; ++i) {
    hash = (hash << 1) + (static_cast<uint8_t>(bytes[i]) + 1) * uint64_t{0x9E3779B97F4A7C15};
    if (i >= average / 4 && (hash >> 40 & (average - 1)) == 0) return i + 1;
  }
  return limit;
}

void AddContent(ManifestWriter& writer, const std::string& path, uint64_t size, uint64_t average) {
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(file.valid()) << path;
  Sha256Hasher hasher;
  uint64_t offset = 0;
  while (offset < size) {
    const off_t found = lseek(file.get(), static_cast<off_t>(offset), SEEK_DATA);
    const uint64_t data = found < 0 ? size : static_cast<uint64_t>(found);
    if (data / kZeroBlock > offset / kZeroBlock || data == size) {
      const uint64_t end = data == size ? size : data / kZeroBlock * kZeroBlock;
      ASSERT_TRUE(writer.AddHole(end - offset).ok());
      offset = end;
      continue;
    }
    const off_t hole = lseek(file.get(), static_cast<off_t>(data), SEEK_HOLE);
    const uint64_t end = hole < 0 ? size : static_cast<uint64_t>(hole);
    std::string bytes(std::min<uint64_t>(4 * 1024 * 1024, end - offset), '\0');
    ASSERT_EQ(pread(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)),
              static_cast<ssize_t>(bytes.size()));
    for (std::string_view left = bytes; !left.empty();) {
      const size_t cut = CutAt(left, average);
      // Unless it goes on beyond what has been read.
      if (cut == left.size() && offset + cut < end && left.size() < bytes.size()) break;
      ASSERT_TRUE(writer.AddData(static_cast<uint32_t>(cut), hasher.Of(left.substr(0, cut))).ok());
      left.remove_prefix(cut);
      offset += cut;
    }
  }
}

void AddEntry(ManifestWriter& writer, const std::string& root, const std::string& path,
              uint64_t average) {
  const std::string full = path.empty() ? root : root + "/" + path;
  struct stat info = {};
  ASSERT_EQ(lstat(full.c_str(), &info), 0) << full;
  ManifestEntry entry{.path = path,
                      .mode = static_cast<uint16_t>(info.st_mode & 0777),
                      .mtime_seconds = info.st_mtim.tv_sec,
                      .mtime_nanoseconds = static_cast<uint32_t>(info.st_mtim.tv_nsec)};
  if (S_ISLNK(info.st_mode)) {
    entry.type = EntryType::kSymlink;
    entry.target = fs::read_symlink(full).string();
  } else if (S_ISREG(info.st_mode)) {
    entry.type = EntryType::kFile;
    entry.size = static_cast<uint64_t>(info.st_size);
  }
  const absl::Status added = writer.Add(entry);
  ASSERT_TRUE(added.ok()) << added;
  if (entry.type == EntryType::kFile) AddContent(writer, full, entry.size, average);
  if (entry.type != EntryType::kDirectory) return;
  std::vector<std::string> names;
  for (const fs::directory_entry& child : fs::directory_iterator(full)) {
    names.push_back(child.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    AddEntry(writer, root, path.empty() ? name : path + "/" + name, average);
  }
}

}  // namespace

v1::Package MakeManifest(const std::string& directory, const std::string& file, uint64_t average) {
  const FileDescriptor fd(open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  auto writer = ManifestWriter::Create(fd.get());
  EXPECT_TRUE(writer.ok()) << writer.status();
  AddEntry(**writer, directory, "", average);
  const absl::StatusOr<FinishedManifest> made = (*writer)->Finish();
  EXPECT_TRUE(made.ok()) << made.status();
  v1::Package package;
  package.set_manifest_sha256(made->digest.data(), made->digest.size());
  package.set_manifest_bytes(made->bytes);
  package.set_manifest_index_bytes(MakeManifestIndex(fd.get()).value().size());
  package.set_entries(made->header.entries);
  package.set_content_bytes(made->header.content_bytes);
  return package;
}

PackageSource::PackageSource(std::string directory, std::string manifest)
    : directory_(std::move(directory)), manifest_(std::move(manifest)) {}

void PackageSource::ReadManifest() {
  const FileDescriptor fd(open(manifest_.c_str(), O_RDONLY | O_CLOEXEC));
  auto reader = ManifestReader::Open(fd.get());
  ASSERT_TRUE(reader.ok());
  for (;;) {
    const auto entry = (*reader)->Next();
    ASSERT_TRUE(entry.ok()) << entry.status();
    if (!*entry) return;
    if ((*entry)->type != EntryType::kFile) continue;
    files_.push_back((*entry)->path);
    for (auto segment = (*reader)->NextSegment(); segment.ok() && *segment;
         segment = (*reader)->NextSegment()) {
      if ((*segment)->hole) continue;
      chunks_.push_back({static_cast<uint32_t>(files_.size() - 1),
                         static_cast<uint32_t>((*segment)->length), (*segment)->offset});
    }
  }
}

std::string PackageSource::OwnIndex() const {
  const FileDescriptor fd(open(manifest_.c_str(), O_RDONLY | O_CLOEXEC));
  return MakeManifestIndex(fd.get()).value();
}

absl::Status PackageSource::Want(const v1::Want& want) {
  EXPECT_LT(wants_.size(), 2U) << "more than two wants are waiting";
  std::vector<Part> parts;
  if (want.manifest_index()) {
    EXPECT_FALSE(want.has_manifest_offset());
    EXPECT_EQ(want.chunks_size(), 0);
    const std::string file = manifest_ + ".index";
    std::ofstream(file) << (index_.empty() ? OwnIndex() : index_);
    parts.push_back({file, 0, fs::file_size(file)});
  } else if (want.has_manifest_offset()) {
    EXPECT_EQ(want.chunks_size(), 0);
    const uint64_t rest = fs::file_size(manifest_) - want.manifest_offset();
    EXPECT_LE(want.manifest_count(), rest);
    parts.push_back({manifest_, want.manifest_offset(),
                     want.manifest_count() == 0 ? rest : want.manifest_count()});
  } else {
    if (chunks_.empty()) ReadManifest();
    EXPECT_LE(want.chunks_size(), 4096);
    EXPECT_GT(want.chunks_size(), 0);
    for (const v1::ChunkRange& range : want.chunks()) {
      for (uint64_t number = range.first(); number < range.first() + range.count(); ++number) {
        EXPECT_TRUE(chunks_wanted_.empty() || chunks_wanted_.back() < number) << "not ascending";
        const Chunk& chunk = chunks_.at(number);
        parts.push_back({directory_ + "/" + files_[chunk.file], chunk.offset, chunk.length});
        chunks_wanted_.push_back(number);
      }
    }
  }
  wants_.push_back(std::move(parts));
  return absl::OkStatus();
}

absl::StatusOr<std::string> PackageSource::Read() {
  std::string piece;
  const uint64_t sent = manifest_bytes_sent_ + content_bytes_sent_;
  if (sent >= fails_after) return failure;
  std::string open_path;
  FileDescriptor file;
  while (piece.size() < piece_bytes && !wants_.empty()) {
    const Part& part = wants_.front()[part_];
    if (part.path != open_path) {
      file = FileDescriptor(open(part.path.c_str(), O_RDONLY | O_CLOEXEC));
      open_path = part.path;
    }
    const size_t count = std::min<uint64_t>(piece_bytes - piece.size(), part.length - part_done_);
    const size_t before = piece.size();
    piece.resize(before + count);
    EXPECT_EQ(pread(file.get(), piece.data() + before, count,
                    static_cast<off_t>(part.offset + part_done_)),
              static_cast<ssize_t>(count));
    (part.path.starts_with(manifest_) ? manifest_bytes_sent_ : content_bytes_sent_) += count;
    part_done_ += count;
    if (part_done_ < part.length) continue;
    part_done_ = 0;
    if (++part_ < wants_.front().size()) continue;
    part_ = 0;
    wants_.pop_front();
  }
  EXPECT_FALSE(piece.empty()) << "read without a want";
  if (sent + piece.size() > fails_after) piece.resize(fails_after - sent);
  if (spoil) spoil(piece, sent);
  return piece.empty() ? absl::StatusOr<std::string>(failure) : piece;
}

}  // namespace bpa::executor

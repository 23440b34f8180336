#include "agent/executor/package/chunk_index.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace bpa::executor {
namespace {

constexpr uint64_t kMinFilterBits = uint64_t{1} << 13;
constexpr uint64_t kMaxFilterBits = uint64_t{1} << 26;
constexpr uint64_t kFilterBitsPerDigest = 16;
constexpr int kProbes = 4;

uint64_t Part(const bpa::Sha256& digest, size_t part) {
  uint64_t value;
  std::memcpy(&value, digest.data() + part * sizeof value, sizeof value);
  return value;
}

// Eight of 32 bytes tell a node's chunks apart.
int64_t KeyOf(const bpa::Sha256& digest) { return static_cast<int64_t>(Part(digest, 0)); }

// It need not outlive its use, so nothing is written twice or synced.
constexpr char kSetUp[] =
    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;"
    "PRAGMA cache_size = -6144;"
    "CREATE TABLE files (id INTEGER PRIMARY KEY, tree INTEGER NOT NULL, path BLOB NOT NULL);"
    "CREATE TABLE chunks (key INTEGER PRIMARY KEY, file INTEGER NOT NULL,"
    "                     offset INTEGER NOT NULL);"
    "BEGIN";

}  // namespace

DigestFilter::DigestFilter(uint64_t expected) {
  const uint64_t bits =
      std::clamp(std::bit_ceil(std::min(expected, kMaxFilterBits) * kFilterBitsPerDigest),
                 kMinFilterBits, kMaxFilterBits);
  words_.resize(bits / 64);
  mask_ = bits - 1;
}

bool DigestFilter::Add(const bpa::Sha256& digest) {
  bool had = true;
  for (int i = 0; i < kProbes; ++i) {
    const uint64_t bit = Part(digest, static_cast<size_t>(i)) & mask_;
    uint64_t& word = words_[bit / 64];
    const uint64_t flag = uint64_t{1} << bit % 64;
    had = had && (word & flag) != 0;
    word |= flag;
  }
  return had;
}

bool DigestFilter::MayHave(const bpa::Sha256& digest) const {
  for (int i = 0; i < kProbes; ++i) {
    const uint64_t bit = Part(digest, static_cast<size_t>(i)) & mask_;
    if ((words_[bit / 64] >> bit % 64 & 1) == 0) return false;
  }
  return true;
}

struct ChunkIndex::Open {
  SqliteDatabase database;
  SqliteStatement add_file, add_chunk, find;
  int64_t files = 0;
  // The file that was added last.
  int tree = -1;
  std::string path;
};

absl::StatusOr<ChunkIndex> ChunkIndex::Create(const std::string& path) {
  absl::StatusOr<SqliteDatabase> database = SqliteDatabase::Open(path);
  if (!database.ok()) return database.status();
  if (absl::Status s = database->Execute(kSetUp); !s.ok()) return s;
  auto add_file = database->Prepare("INSERT INTO files VALUES (?, ?, ?)");
  if (!add_file.ok()) return add_file.status();
  auto add_chunk = database->Prepare("INSERT OR IGNORE INTO chunks VALUES (?, ?, ?)");
  if (!add_chunk.ok()) return add_chunk.status();
  auto find = database->Prepare(
      "SELECT tree, path, offset FROM chunks JOIN files ON file = id WHERE key = ?");
  if (!find.ok()) return find.status();
  return ChunkIndex(std::make_shared<Open>(
      Open{*std::move(database), *std::move(add_file), *std::move(add_chunk), *std::move(find)}));
}

absl::Status ChunkIndex::Add(const bpa::Sha256& digest, const ChunkLocation& location) {
  if (open_->tree != location.tree || open_->path != location.path) {
    open_->add_file.Reset();
    absl::Status added = open_->add_file.BindInt(1, ++open_->files)
                             .BindInt(2, location.tree)
                             .BindBlob(3, location.path)
                             .Run();
    if (!added.ok()) return added;
    open_->tree = location.tree;
    open_->path = location.path;
  }
  open_->add_chunk.Reset();
  return open_->add_chunk.BindInt(1, KeyOf(digest))
      .BindInt(2, open_->files)
      .BindInt(3, static_cast<int64_t>(location.offset))
      .Run();
}

absl::StatusOr<std::optional<ChunkLocation>> ChunkIndex::Find(const bpa::Sha256& digest) {
  SqliteStatement& find = open_->find;
  find.Reset();
  const absl::StatusOr<bool> row = find.BindInt(1, KeyOf(digest)).Step();
  if (!row.ok()) return row.status();
  if (!*row) return std::nullopt;
  return ChunkLocation{.tree = static_cast<int>(find.Int(0)),
                       .path = find.Bytes(1),
                       .offset = static_cast<uint64_t>(find.Int(2))};
}

}  // namespace bpa::executor

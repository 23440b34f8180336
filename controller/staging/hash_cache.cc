#include "controller/staging/hash_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/trusted_file.h"

namespace bpa::controller {
namespace {

// NORMAL: a power cut may cost the newest rows, never the database.
constexpr char kSetup[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=5000;"
    "PRAGMA cache_size=-4096;"
    "CREATE TABLE IF NOT EXISTS segments_v1("
    "device INTEGER NOT NULL, inode INTEGER NOT NULL, part INTEGER NOT NULL,"
    "size INTEGER NOT NULL, mtime INTEGER NOT NULL, ctime INTEGER NOT NULL,"
    "parts INTEGER NOT NULL, used INTEGER NOT NULL, segments BLOB NOT NULL,"
    "PRIMARY KEY(device, inode, part)) WITHOUT ROWID";
constexpr char kWhere[] =
    " FROM segments_v1 WHERE device=?1 AND inode=?2 AND size=?3 AND mtime=?4 AND ctime=?5";

constexpr size_t kPartBytes = 32 * 1024;
constexpr size_t kSegmentBytes = 1 + sizeof(uint64_t) + sizeof(Sha256);
// Filesystems tell times of writes apart by a few milliseconds at best, some by two seconds.
constexpr absl::Duration kSettled = absl::Seconds(2);
constexpr int64_t kDaysKept = 60;

void Append(std::string& out, const ManifestSegment& segment) {
  char bytes[kSegmentBytes];
  bytes[0] = segment.hole ? 1 : 0;
  std::memcpy(bytes + 1, &segment.length, sizeof segment.length);
  std::memcpy(bytes + 1 + sizeof segment.length, segment.digest.data(), segment.digest.size());
  out.append(bytes, sizeof bytes);
}

ManifestSegment Decode(const char* bytes) {
  ManifestSegment segment{.hole = bytes[0] != 0};
  std::memcpy(&segment.length, bytes + 1, sizeof segment.length);
  std::memcpy(segment.digest.data(), bytes + 1 + sizeof segment.length, segment.digest.size());
  return segment;
}

SqliteStatement& Bind(SqliteStatement& statement, const FileStamp& stamp) {
  return statement.Reset()
      .BindInt(1, static_cast<int64_t>(stamp.device))
      .BindInt(2, static_cast<int64_t>(stamp.inode))
      .BindInt(3, static_cast<int64_t>(stamp.size))
      .BindInt(4, stamp.mtime_ns)
      .BindInt(5, stamp.ctime_ns);
}

absl::Status Prepared(SqliteDatabase& database, const std::string& text,
                      std::unique_ptr<SqliteStatement>* statement) {
  absl::StatusOr<SqliteStatement> prepared = database.Prepare(text.c_str());
  if (!prepared.ok()) return prepared.status();
  *statement = std::make_unique<SqliteStatement>(*std::move(prepared));
  return absl::OkStatus();
}

absl::Status MakeFile(const std::string& path) {
  const OwnedFd made(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  return made.get() < 0 ? ErrnoStatus(errno, "open", path) : absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<HashCache>> HashCache::Open(const std::string& path) {
  std::unique_ptr<HashCache> cache(new HashCache());
  absl::Status status = cache->Prepare(path);
  if (absl::IsDataLoss(status)) {
    cache.reset(new HashCache());
    for (const char* suffix : {"", "-wal", "-shm"}) unlink(absl::StrCat(path, suffix).c_str());
    status = cache->Prepare(path);
  }
  if (!status.ok()) return status;
  return cache;
}

HashCache::~HashCache() { Save().IgnoreError(); }

absl::Status HashCache::Prepare(const std::string& path) {
  if (absl::Status status = MakeFile(path); !status.ok()) return status;
  absl::StatusOr<SqliteDatabase> database = SqliteDatabase::Open(path);
  if (!database.ok()) return database.status();
  database_ = std::make_unique<SqliteDatabase>(*std::move(database));
  today_ = absl::ToUnixSeconds(absl::Now()) / 86400;
  absl::Status status = database_->Execute(kSetup);
  if (!status.ok()) return status;
  status = database_->Execute(
      absl::StrCat("DELETE FROM segments_v1 WHERE used<", today_ - kDaysKept).c_str());
  if (!status.ok()) return status;
  status = Prepared(*database_, absl::StrCat("SELECT used", kWhere, " AND part=0"), &find_);
  if (!status.ok()) return status;
  status = Prepared(*database_, absl::StrCat("SELECT parts, segments", kWhere, " ORDER BY part"),
                    &read_);
  if (!status.ok()) return status;
  status =
      Prepared(*database_, "UPDATE segments_v1 SET used=?3 WHERE device=?1 AND inode=?2", &touch_);
  if (!status.ok()) return status;
  return Prepared(*database_,
                  "INSERT OR REPLACE INTO segments_v1(device, inode, size, mtime, ctime, part, "
                  "parts, used, segments) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                  &store_);
}

absl::StatusOr<bool> HashCache::Contains(const FileStamp& stamp) {
  absl::StatusOr<bool> found = Bind(*find_, stamp).Step();
  if (!found.ok() || !*found) return found;
  const bool stale = find_->Int(0) + kDaysKept / 4 < today_;
  find_->Reset();
  if (!stale) return true;
  if (absl::Status status = BeginWriting(); !status.ok()) return status;
  const absl::Status touched = touch_->Reset()
                                   .BindInt(1, static_cast<int64_t>(stamp.device))
                                   .BindInt(2, static_cast<int64_t>(stamp.inode))
                                   .BindInt(3, today_)
                                   .Run();
  if (!touched.ok()) return touched;
  return true;
}

absl::Status HashCache::Visit(const FileStamp& stamp, const Visitor& visit) {
  Bind(*read_, stamp);
  absl::Status status;
  // The first part was stored last, and knows how many there are: leftovers of a longer file behind
  // them do not count.
  for (int64_t part = 0, parts = 1; part < parts && status.ok(); ++part) {
    const absl::StatusOr<bool> row = read_->Step();
    if (!row.ok()) return row.status();
    if (!*row) {
      return absl::UnavailableError(
          "what was remembered of a file is gone meanwhile: run it again");
    }
    if (part == 0) parts = read_->Int(0);
    const std::string segments = read_->Bytes(1);
    for (size_t at = 0; at + kSegmentBytes <= segments.size() && status.ok(); at += kSegmentBytes) {
      status = visit(Decode(segments.data() + at));
    }
  }
  read_->Reset();
  return status;
}

void HashCache::Begin(const FileStamp& stamp) {
  stamp_ = stamp;
  first_part_.clear();
  part_.clear();
  parts_ = 0;
}

absl::Status HashCache::Add(const ManifestSegment& segment) {
  Append(part_, segment);
  if (part_.size() < kPartBytes) return absl::OkStatus();
  const int64_t part = parts_++;
  std::string full = std::exchange(part_, std::string());
  if (part == 0) {
    first_part_ = std::move(full);
    return absl::OkStatus();
  }
  return Store(full, part, 0);
}

absl::Status HashCache::Complete(absl::Time scanned) {
  const absl::Time written = absl::FromUnixNanos(std::max(stamp_.mtime_ns, stamp_.ctime_ns));
  if (written + kSettled > scanned) return absl::OkStatus();
  if (!part_.empty() && parts_ > 0) {
    if (absl::Status status = Store(part_, parts_++, 0); !status.ok()) return status;
  } else if (parts_ == 0) {
    first_part_ = std::move(part_);
    parts_ = 1;
  }
  return Store(first_part_, 0, parts_);
}

absl::Status HashCache::Save() {
  if (!writing_) return absl::OkStatus();
  writing_ = false;
  return database_->Execute("COMMIT");
}

absl::Status HashCache::Store(const std::string& segments, int64_t part, int64_t parts) {
  if (absl::Status status = BeginWriting(); !status.ok()) return status;
  return Bind(*store_, stamp_)
      .BindInt(6, part)
      .BindInt(7, parts)
      .BindInt(8, today_)
      .BindBlob(9, segments)
      .Run();
}

absl::Status HashCache::BeginWriting() {
  if (writing_) return absl::OkStatus();
  if (absl::Status status = database_->Execute("BEGIN IMMEDIATE"); !status.ok()) return status;
  writing_ = true;
  return absl::OkStatus();
}

}  // namespace bpa::controller

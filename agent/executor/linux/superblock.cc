#include "agent/executor/linux/superblock.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace bpa::executor {
namespace {

uint64_t BigEndian(std::string_view bytes, size_t offset, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) {
    value = value << 8 | static_cast<unsigned char>(bytes[offset + i]);
  }
  return value;
}

uint64_t LittleEndian(std::string_view bytes, size_t offset, size_t size) {
  uint64_t value = 0;
  for (size_t i = size; i > 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[offset + i - 1]);
  }
  return value;
}

absl::Status NoSuperblock(Filesystem filesystem) {
  return absl::DataLossError(absl::StrCat("the ", std::string(FilesystemName(filesystem)),
                                          " superblock cannot be read or makes no sense"));
}

// xfs_dsb: magic @0, block size @4, data blocks @8, big endian.
absl::StatusOr<uint64_t> XfsBytes(std::string_view start) {
  const uint64_t block_size = BigEndian(start, 4, 4);
  const uint64_t blocks = BigEndian(start, 8, 8);
  if (start.substr(0, 4) != "XFSB" || block_size < 512 || block_size > 65536 ||
      blocks > UINT64_MAX / block_size) {
    return NoSuperblock(Filesystem::kXfs);
  }
  return block_size * blocks;
}

// ext4_super_block @1024: blocks @4 and (with feature 64bit, 0x80 @96) @336, log2(block size) - 10
// @24, magic @56, little endian.
absl::StatusOr<uint64_t> Ext4Bytes(std::string_view start) {
  const std::string_view super = start.substr(1024);
  const uint64_t log_size = LittleEndian(super, 24, 4);
  if (LittleEndian(super, 56, 2) != 0xEF53 || log_size > 6) return NoSuperblock(Filesystem::kExt4);
  const bool wide = (LittleEndian(super, 96, 4) & 0x80) != 0;
  const uint64_t blocks =
      LittleEndian(super, 4, 4) | (wide ? LittleEndian(super, 336, 4) << 32 : 0);
  const uint64_t block_size = uint64_t{1024} << log_size;
  if (blocks > UINT64_MAX / block_size) return NoSuperblock(Filesystem::kExt4);
  return block_size * blocks;
}

}  // namespace

absl::StatusOr<uint64_t> FilesystemBytes(Filesystem filesystem, std::string_view start) {
  if (start.size() < kSuperblockBytes) return NoSuperblock(filesystem);
  return filesystem == Filesystem::kXfs ? XfsBytes(start) : Ext4Bytes(start);
}

}  // namespace bpa::executor

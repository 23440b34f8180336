#include "agent/executor/linux/superblock.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace bpa::executor {
namespace {

void Put(std::string& bytes, size_t offset, uint64_t value, int size, bool big_endian) {
  for (int i = 0; i < size; ++i) {
    const int shift = 8 * (big_endian ? size - 1 - i : i);
    bytes[offset + static_cast<size_t>(i)] = static_cast<char>(value >> shift & 0xff);
  }
}

std::string Xfs(uint64_t block_size, uint64_t blocks) {
  std::string bytes(kSuperblockBytes, '\0');
  bytes.replace(0, 4, "XFSB");
  Put(bytes, 4, block_size, 4, true);
  Put(bytes, 8, blocks, 8, true);
  return bytes;
}

std::string Ext4(uint64_t log_size, uint64_t blocks, bool wide) {
  std::string bytes(kSuperblockBytes, '\0');
  Put(bytes, 1024 + 56, 0xEF53, 2, false);
  Put(bytes, 1024 + 24, log_size, 4, false);
  Put(bytes, 1024 + 4, blocks & 0xffffffff, 4, false);
  Put(bytes, 1024 + 336, blocks >> 32, 4, false);
  Put(bytes, 1024 + 96, wide ? 0x80 : 0, 4, false);
  return bytes;
}

TEST(SuperblockTest, MultipliesBlocksByTheirSize) {
  EXPECT_EQ(FilesystemBytes(Filesystem::kXfs, Xfs(4096, 536870912)).value(), uint64_t{2} << 40);
  EXPECT_EQ(FilesystemBytes(Filesystem::kExt4, Ext4(2, 100, false)).value(), 409600U);
  EXPECT_EQ(FilesystemBytes(Filesystem::kExt4, Ext4(2, uint64_t{5} << 32, true)).value(),
            (uint64_t{5} << 32) * 4096);
}

TEST(SuperblockTest, IgnoresTheUpperHalfWithoutTheFeature64Bit) {
  EXPECT_EQ(FilesystemBytes(Filesystem::kExt4, Ext4(0, (uint64_t{5} << 32) + 7, false)).value(),
            7U * 1024);
}

TEST(SuperblockTest, RefusesWhatMakesNoSense) {
  const std::string xfs = Xfs(4096, 1000);
  const std::string ext4 = Ext4(2, 1000, false);
  EXPECT_FALSE(FilesystemBytes(Filesystem::kExt4, xfs).ok());
  EXPECT_FALSE(FilesystemBytes(Filesystem::kXfs, ext4).ok());
  EXPECT_FALSE(FilesystemBytes(Filesystem::kXfs, xfs.substr(0, kSuperblockBytes - 1)).ok());
  EXPECT_FALSE(FilesystemBytes(Filesystem::kXfs, "").ok());
  EXPECT_FALSE(FilesystemBytes(Filesystem::kXfs, Xfs(0, 1000)).ok());
  EXPECT_FALSE(FilesystemBytes(Filesystem::kXfs, Xfs(4096, UINT64_MAX / 2)).ok());
  EXPECT_FALSE(FilesystemBytes(Filesystem::kExt4, Ext4(7, 1000, false)).ok());
  EXPECT_FALSE(FilesystemBytes(Filesystem::kExt4, Ext4(6, UINT64_MAX, true)).ok());
}

}  // namespace
}  // namespace bpa::executor

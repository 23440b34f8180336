#include "tests/agent/executor/linux/signatures.h"

#include <cstddef>
#include <cstdint>

namespace bpa::executor {
namespace {

constexpr uint64_t kDiskBytes = 64 << 20;
constexpr size_t kSector = 512;

void Put(std::string& bytes, size_t offset, uint64_t value, int size) {
  for (int i = 0; i < size; ++i) {
    bytes[offset + static_cast<size_t>(i)] = static_cast<char>(value >> (8 * i) & 0xff);
  }
}

// The CRC of zlib, as GPT has it; `crc` continues.
uint32_t Crc32(const std::string& bytes, uint32_t polynomial = 0xEDB88320, uint32_t crc = ~0U,
               bool invert = true) {
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? polynomial : 0);
  }
  return invert ? ~crc : crc;
}

void Gpt(const LoopDisk& disk) {
  std::string entries(128 * 128, '\0');
  for (size_t i = 0; i < 32; ++i) entries[i] = static_cast<char>(i + 1);  // type and id
  Put(entries, 32, 2048, 8);
  Put(entries, 40, 4095, 8);
  std::string header(kSector, '\0');
  header.replace(0, 8, "EFI PART");
  Put(header, 8, 0x00010000, 4);
  Put(header, 12, 92, 4);
  Put(header, 24, 1, 8);                         // this header
  Put(header, 32, kDiskBytes / kSector - 1, 8);  // the other one
  Put(header, 40, 34, 8);
  Put(header, 48, kDiskBytes / kSector - 34, 8);
  header.replace(56, 16, std::string(16, '\7'));
  Put(header, 72, 2, 8);
  Put(header, 80, 128, 4);
  Put(header, 84, 128, 4);
  Put(header, 88, Crc32(entries), 4);
  Put(header, 16, Crc32(header.substr(0, 92)), 4);
  std::string mbr = MasterBootRecord();
  mbr[446 + 4] = static_cast<char>(0xEE);
  Put(mbr, 446 + 8, 1, 4);
  Put(mbr, 446 + 12, kDiskBytes / kSector - 1, 4);
  disk.Write(0, mbr + header + entries);
}

void Lvm(const LoopDisk& disk) {
  std::string label(kSector, '\0');
  label.replace(0, 8, "LABELONE");
  Put(label, 8, 1, 8);    // its own sector
  Put(label, 20, 32, 4);  // where the physical volume's header begins
  label.replace(24, 8, "LVM2 001");
  label.replace(32, 32, "abcdefghijklmnopqrstuvwxyz012345");
  Put(label, 16, Crc32(label.substr(20), 0xEDB88320, 0xF597A6CF, false), 4);
  disk.Write(kSector, label);
}

void Luks(const LoopDisk& disk) {
  std::string header(1024, '\0');
  header.replace(0, 6, "LUKS\xba\xbe");
  header[7] = 1;
  header.replace(168, 36, "0f9fd8f3-6dd2-4b3c-9f4e-0a6a2b1c3d4e");
  disk.Write(0, header);
}

void LinuxRaid(const LoopDisk& disk) {
  std::string super(4096, '\0');  // version 1.2
  Put(super, 0, 0xa92b4efc, 4);
  Put(super, 4, 1, 4);
  Put(super, 144, 8, 8);
  uint64_t sum = 0;
  for (size_t i = 0; i < 256; i += 4) {
    if (i == 216) continue;  // the checksum itself
    for (size_t j = 0; j < 4; ++j) {
      sum += uint64_t{static_cast<unsigned char>(super[i + j])} << (8 * j);
    }
  }
  Put(super, 216, (sum & 0xffffffff) + (sum >> 32), 4);
  disk.Write(4096, super);
}

void Vfat(const LoopDisk& disk) {
  std::string boot(kSector, '\0');
  boot.replace(0, 11, "\xeb\x58\x90mkfs.fat");
  Put(boot, 11, 512, 2);
  boot[13] = 1;
  Put(boot, 14, 32, 2);
  boot[16] = 2;
  boot[21] = static_cast<char>(0xf8);
  Put(boot, 32, kDiskBytes / kSector, 4);
  Put(boot, 36, 1000, 4);
  Put(boot, 44, 2, 4);
  boot.replace(82, 8, "FAT32   ");
  boot.replace(510, 2, "\x55\xaa");
  disk.Write(0, boot);
}

void Btrfs(const LoopDisk& disk) {
  std::string super(4096, '\0');
  super.replace(0x40, 8, "_BHRfS_M");
  Put(super, 0x30, 0x10000, 8);
  disk.Write(0x10000, super);
}

void Iso(const LoopDisk& disk) {
  std::string volume(2048, '\0');
  volume.replace(0, 7, std::string("\1CD001\1", 7));
  disk.Write(0x8000, volume);
}

}  // namespace

std::vector<ForeignSignature> ForeignSignatures() {
  const auto run = [](const std::string& command) {
    return [command](const LoopDisk& disk) { Shell(command + " " + disk.node() + " >/dev/null"); };
  };
  return {
      {"swap", run("mkswap")},
      {"LVM2_member", Lvm},
      {"crypto_LUKS", Luks},
      {"linux_raid_member", LinuxRaid},
      {"vfat", Vfat},
      {"btrfs", Btrfs},
      {"iso9660", Iso},
      {"ext3", run("mkfs.ext3 -q")},
      {"ext2", run("mkfs.ext2 -q")},
      {"partition table (gpt)", Gpt},
      {"partition table (dos)", [](const LoopDisk& disk) { disk.Write(0, MasterBootRecord()); }}};
}

std::string MasterBootRecord() {
  std::string record(kSector, '\0');
  record[446 + 4] = static_cast<char>(0x83);
  Put(record, 446 + 8, 2048, 4);
  Put(record, 446 + 12, 16384, 4);
  record.replace(510, 2, "\x55\xaa");
  return record;
}

}  // namespace bpa::executor

// A machine in memory, behind the executor's seam: a file tree with mounts that cover, disks,
// sysctls, processes. It obeys the contracts of agent/executor/host.h.
#ifndef BPA_TESTS_FAKES_FAKE_HOST_H_
#define BPA_TESTS_FAKES_FAKE_HOST_H_

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/executor/host.h"
#include "tests/fakes/fake_tree.h"
#include "tests/fakes/faults.h"

namespace bpa::executor {

struct FakeDisk {
  Disk disk;
  DiskContent content = DiskContent::kBlank;
  std::shared_ptr<FakeFilesystem> filesystem;  // kFilesystem
  std::string description;                     // kOther
  std::map<uint8_t, std::string> log_pages;
  // Pauses until it is attached; it is not there before.
  int pauses_until_attached = 0;
  // What ProbeDisk and Format return instead of looking: in use, read error.
  absl::Status trouble;
};

class FakeHost : public Host {
 public:
  // A root filesystem with nothing on it. `faults` must outlive this.
  explicit FakeHost(Faults& faults);

  // --- Arranging and looking: not calls, never fail by a fault. Parents are made as needed.
  void AddDirectory(const std::string& path, uint32_t mode = 0755, uint32_t uid = 0,
                    uint32_t gid = 0);
  void AddFile(const std::string& path, const std::string& content, uint32_t mode = 0644);
  void AddLink(const std::string& path, const std::string& target);
  void Remove(const std::string& path);
  // A blank disk; the reference stays good.
  FakeDisk& AddDisk(const std::string& node, const std::string& serial, uint64_t size_bytes);
  // Puts a filesystem on it, as if formatted elsewhere.
  FakeFilesystem& Fill(FakeDisk& disk, Filesystem filesystem, const std::string& uuid);
  void Mount(FakeDisk& disk, const std::string& mount_point);
  // Something that is no disk of this machine, such as a network filesystem.
  FakeFilesystem& MountForeign(const std::string& source, const std::string& mount_point);
  void Unmount(const std::string& mount_point);
  FakeFilesystem& FilesystemAt(const std::string& path);
  // Of a file; nullopt if there is none.
  std::optional<std::string> Content(const std::string& path) const;
  std::optional<FileInfo> Info(const std::string& path) const;
  // Everything that could have been changed, as text.
  std::string Snapshot() const;

  std::map<std::string, std::string> sysctls;
  std::set<std::string> refused_sysctls;  // writing fails
  std::set<std::string> ignored_sysctls;  // writing succeeds without effect
  std::map<std::string, uint32_t> users = {{"root", 0}};
  std::map<std::string, uint32_t> groups = {{"root", 0}};
  std::vector<ProcessUse> processes;
  absl::Status mount_failure;  // what MountFromFstab returns instead of mounting
  // Run at the start of each MigrateTree: somebody else changes the machine meanwhile.
  std::function<void()> during_migration;
  std::vector<absl::Duration> pauses;

  // --- Host.
  absl::StatusOr<FileInfo> Inspect(const std::string& path) override;
  absl::StatusOr<std::string> ReadLink(const std::string& path) override;
  absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes) override;
  absl::StatusOr<std::vector<std::string>> ListDirectory(const std::string& path) override;
  absl::Status ReplaceFile(const std::string& path, const std::optional<std::string>& expected,
                           std::string_view contents) override;
  absl::Status CheckReplaceable(const std::string& path) override;
  absl::Status MakeDirectory(const std::string& path, uint32_t mode,
                             std::optional<uint64_t> filesystem) override;
  absl::Status SetMode(const std::string& path, uint32_t mode) override;
  absl::Status SetOwner(const std::string& path, std::optional<uint32_t> uid,
                        std::optional<uint32_t> gid) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status RemoveTree(const std::string& path) override;
  absl::StatusOr<TreeSummary> SummarizeTree(const std::string& path) override;
  absl::Status SyncFilesystem(const std::string& path) override;
  absl::StatusOr<std::vector<ProcessUse>> ProcessesUsing(const std::string& path) override;
  absl::StatusOr<uint32_t> LookUpUser(const std::string& name) override;
  absl::StatusOr<uint32_t> LookUpGroup(const std::string& name) override;
  absl::StatusOr<std::string> ReadSysctl(const std::string& name) override;
  absl::Status WriteSysctl(const std::string& name, const std::string& value) override;
  absl::StatusOr<std::vector<Disk>> ListDisks() override;
  absl::StatusOr<Disk> FindDisk(const std::string& node) override;
  absl::StatusOr<DiskProbe> ProbeDisk(const Disk& disk) override;
  absl::Status Format(const Disk& disk, Filesystem filesystem, const std::string& uuid,
                      bool resume_unfinished) override;
  absl::StatusOr<uint64_t> MountedFilesystemSize(const std::string& mount_point) override;
  absl::StatusOr<FilesystemRoom> MeasureRoom(const std::string& mount_point) override;
  absl::StatusOr<std::string> ReadLogPage(const Disk& disk, uint8_t page) override;
  absl::Status Grow(const std::string& mount_point) override;
  absl::StatusOr<Migration> PreviewMigration(const std::string& directory, const Disk& disk,
                                             Filesystem filesystem) override;
  absl::StatusOr<Migration> MigrateTree(const std::string& directory, const Disk& disk,
                                        Filesystem filesystem) override;
  absl::StatusOr<std::vector<MountEntry>> ReadMounts() override;
  absl::Status MountFromFstab(const std::string& mount_point) override;
  void Pause(absl::Duration duration) override;

 private:
  struct FakeMount {
    std::string mount_point;
    std::shared_ptr<FakeFilesystem> filesystem;
  };
  struct Found {
    std::shared_ptr<FakeFilesystem> filesystem;
    std::shared_ptr<FakeNode> node;
  };
  absl::StatusOr<Found> Find(const std::string& path) const;
  absl::StatusOr<Found> FindDirectory(const std::string& path) const;
  absl::StatusOr<Found> FindWritableParent(const std::string& path) const;
  std::shared_ptr<FakeFilesystem> MountedAt(const std::string& mount_point) const;
  FakeNode& Arrange(const std::string& path);
  absl::StatusOr<FakeDisk*> Open(const Disk& disk);
  absl::Status CheckMayFormat(const FakeDisk& disk, const std::string& uuid, bool resume) const;
  absl::StatusOr<Migration> Migrate(const std::string& directory, const Disk& disk,
                                    Filesystem filesystem, FakeCopy copy);
  absl::Status MountUuid(const std::string& spec, const std::string& type,
                         const std::string& mount_point);

  Faults& faults_;
  std::vector<FakeMount> mounts_;
  std::list<FakeDisk> disks_;
  uint64_t next_device_ = 0x700;
};

}  // namespace bpa::executor

#endif  // BPA_TESTS_FAKES_FAKE_HOST_H_

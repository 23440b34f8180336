// Users and groups by name.
#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/executor/linux_host.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

// Decimal digits only, and not the one id that chown(2) takes for "leave it".
bool IsId(const std::string& name, uint32_t& id) {
  return name.find_first_not_of("0123456789") == std::string::npos && absl::SimpleAtoi(name, &id) &&
         id != UINT32_MAX;
}

// getpwnam_r and getgrnam_r are the same but for names. `id_of` reads the id from a Record.
template <typename Record, typename Get, typename IdOf>
absl::StatusOr<uint32_t> LookUp(const char* what, const std::string& name, Get get, IdOf id_of) {
  uint32_t id = 0;
  if (IsId(name, id)) return id;
  std::vector<char> buffer(1024);
  for (;;) {
    Record record;
    Record* found = nullptr;
    const int error = get(name.c_str(), &record, buffer.data(), buffer.size(), &found);
    if (found != nullptr) return id_of(record);
    if (error == ERANGE && buffer.size() < (size_t{1} << 20)) {
      buffer.resize(buffer.size() * 4);
      continue;
    }
    if (error == 0 || error == ENOENT || error == ESRCH) {
      return absl::NotFoundError(absl::StrCat("this machine has no ", what, " named ", name));
    }
    return ErrnoStatus(error, absl::StrCat("look up ", what), name);
  }
}

}  // namespace

absl::StatusOr<uint32_t> LinuxHost::LookUpUser(const std::string& name) {
  return LookUp<passwd>("user", name, getpwnam_r, [](const passwd& p) { return p.pw_uid; });
}

absl::StatusOr<uint32_t> LinuxHost::LookUpGroup(const std::string& name) {
  return LookUp<group>("group", name, getgrnam_r, [](const group& g) { return g.gr_gid; });
}

}  // namespace bpa::executor

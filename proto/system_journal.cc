#include "proto/system_journal.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace bpa {
namespace {

constexpr size_t kMaxValueBytes = 4096;

}  // namespace

std::string EncodeJournalRecord(const std::vector<JournalField>& fields) {
  std::string record;
  for (const JournalField& field : fields) {
    const std::string_view value = std::string_view(field.value).substr(0, kMaxValueBytes);
    record.append(field.name);
    if (value.find('\n') == std::string_view::npos) {
      record.push_back('=');
    } else {
      // By its length, little-endian.
      record.push_back('\n');
      for (int shift = 0; shift < 64; shift += 8) {
        record.push_back(static_cast<char>(uint64_t{value.size()} >> shift));
      }
    }
    record.append(value).push_back('\n');
  }
  return record;
}

bool SendToJournal(const std::string& socket_path, const std::vector<JournalField>& fields) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (socket_path.size() >= sizeof address.sun_path) return false;
  socket_path.copy(address.sun_path, socket_path.size());
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const std::string record = EncodeJournalRecord(fields);
  const ssize_t sent = sendto(fd, record.data(), record.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                              reinterpret_cast<const sockaddr*>(&address), sizeof address);
  close(fd);
  return sent == static_cast<ssize_t>(record.size());
}

bool StandardErrorIsTheJournal() {
  const char* const variable = std::getenv("JOURNAL_STREAM");
  struct stat info;
  return variable != nullptr && fstat(STDERR_FILENO, &info) == 0 &&
         absl::StrCat(info.st_dev, ":", info.st_ino) == variable;
}

}  // namespace bpa

// systemd's journal, in its native protocol: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/.
//
// libsystemd's sd_journal_send(3) would do it, and bring seven shared libraries into the gateway
// (agent/gateway/notify.h), whose memory is bounded, and let no test stand in for the journal. The
// protocol is stable and documented for programs that do without the library.
#ifndef BPA_PROTO_SYSTEM_JOURNAL_H_
#define BPA_PROTO_SYSTEM_JOURNAL_H_

#include <string>
#include <string_view>
#include <vector>

namespace bpa {

inline constexpr char kJournalSocket[] = "/run/systemd/journal/socket";

// A name is ours: upper-case letters, digits and `_`. A value may hold anything, and cannot end its
// field or begin another; it is cut at 4096 bytes.
struct JournalField {
  std::string_view name;
  std::string value;
};

std::string EncodeJournalRecord(const std::vector<JournalField>& fields);

// Whether the journal took it. Never waits for it: no command is held up by a log.
bool SendToJournal(const std::string& socket_path, const std::vector<JournalField>& fields);

// Whether what is written to standard error goes to the journal ($JOURNAL_STREAM, which names its
// device and inode).
bool StandardErrorIsTheJournal();

}  // namespace bpa

#endif  // BPA_PROTO_SYSTEM_JOURNAL_H_

// What a line in the journal says beside its text, alike in all three programs.
#ifndef BPA_PROTO_LOG_EVENT_H_
#define BPA_PROTO_LOG_EVENT_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "bpa/v1/status.pb.h"
#include "proto/system_journal.h"

namespace bpa {

// By syslog's numbers.
enum class Severity {
  // The node itself is at fault, and somebody has to look.
  kError = 3,
  // Refused, failed or interrupted.
  kWarning = 4,
  // A machine was changed.
  kNotice = 5,
  kInfo = 6,
};

// MESSAGE_ID by kind, for `journalctl MESSAGE_ID=...`; never changed.
inline constexpr std::string_view kCommandEndedId = "600f1955f6d02d4cbfcd719a7ba767a6";
inline constexpr std::string_view kCommandRefusedId = "9a4ed7eea4eb18e0ce2fc4afe1363dbe";
inline constexpr std::string_view kAuditBrokenId = "dde444b49a0478c9b38ebbabdff6ba64";

struct LogEvent {
  Severity severity = Severity::kInfo;
  // Empty for what is of no kind of its own.
  std::string_view message_id;
  // One line: whoever makes it has escaped what others chose.
  std::string message;
  std::vector<JournalField> fields;
};

// Who speaks, and of which node.
struct LogOrigin {
  std::string program;
  std::string node;
};

// Kind, severity and fields for a command that `ended` so: BPA_COMMAND_ID, BPA_SIGNERS,
// BPA_OPERATOR, BPA_MODE, BPA_RESULT, BPA_REFUSAL, each escaped and left out when it is empty. The
// message is the caller's.
LogEvent CommandEvent(const v1::Ended& ended);
// Where the result is known by another name.
LogEvent CommandEvent(const v1::Ended& ended, const std::string& result);

// "plan", "apply", "verify"; "" for others.
std::string ModeName(v1::Mode mode);
// "succeeded", "failed", "interrupted", "refused"; "again" for a command that only got its report
// again.
std::string ResultName(const v1::Ended& ended);
// "malformed", "signature" and so on; "" for UNSPECIFIED.
std::string RefusalName(v1::RefusalReason reason);

// All fields as the journal gets them: the event's, MESSAGE, MESSAGE_ID, PRIORITY,
// SYSLOG_IDENTIFIER and BPA_NODE.
std::vector<JournalField> JournalFields(const LogEvent& event, const LogOrigin& origin);

}  // namespace bpa

#endif  // BPA_PROTO_LOG_EVENT_H_

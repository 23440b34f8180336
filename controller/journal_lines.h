// What the bastion's own journal is told of a command: one line a node.
#ifndef BPA_CONTROLLER_JOURNAL_LINES_H_
#define BPA_CONTROLLER_JOURNAL_LINES_H_

#include <string>
#include <vector>

#include "controller/fleet.h"
#include "proto/system_journal.h"

namespace bpa::controller {

// With the fields of the nodes' own lines (proto/log_event.h), so that one `journalctl
// BPA_COMMAND_ID=...` shows both ends. BPA_RESULT is also "unreachable", "bad report" or "not
// sent"; BPA_SIGNERS are the names that the node gave, and missing where it gave none. Where there
// is no journal, nothing happens.
void TellJournal(const v1::Command& command, const std::vector<NodeResult>& results,
                 const std::string& socket_path = kJournalSocket);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_JOURNAL_LINES_H_

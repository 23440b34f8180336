// Why a command was refused, in few enough words to count by. Decided where the refusal is made and
// carried in its status, beside the message: nobody has to guess it from a code or a text.
#ifndef BPA_AGENT_EXECUTOR_REFUSAL_H_
#define BPA_AGENT_EXECUTOR_REFUSAL_H_

#include "absl/status/status.h"
#include "bpa/v1/status.pb.h"

namespace bpa::executor {

// `status` with its reason, unless it has one already. OK stays OK.
absl::Status Refuse(v1::RefusalReason reason, absl::Status status);

// NODE for a failure that nobody has given a reason: the command was not at fault. UNSPECIFIED for
// OK.
v1::RefusalReason RefusalOf(const absl::Status& status);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_REFUSAL_H_

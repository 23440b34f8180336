// Another program, run to its end.
#ifndef BPA_AGENT_EXECUTOR_LINUX_PROGRAM_H_
#define BPA_AGENT_EXECUTOR_LINUX_PROGRAM_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace bpa::executor {

// How the descriptor that RunProgram hands down is called in the child.
inline constexpr int kInheritedFd = 3;
inline constexpr const char* kInheritedPath = "/proc/self/fd/3";

// Looks `name` up in /usr/sbin, /sbin, /usr/bin, /bin and runs it with `arguments`, an empty
// environment, /dev/null as standard input and no descriptor of ours but `inherited`, which it gets
// as kInheritedFd. Its oom_score_adj is 0 whatever ours is. It is killed when this thread dies, so
// the caller must wait here.
//
// FailedPrecondition if it is not installed; Internal, with the end of what it printed, unless it
// exits with 0.
absl::Status RunProgram(const std::string& name, const std::vector<std::string>& arguments,
                        int inherited);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_LINUX_PROGRAM_H_

// The words in which resources speak of amounts, processes and failures, alike in all of them.
#ifndef BPA_AGENT_EXECUTOR_DESCRIBE_H_
#define BPA_AGENT_EXECUTOR_DESCRIBE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "agent/executor/host.h"

namespace bpa::executor {

// "512 B", "12.3 MiB", "4.0 GiB".
std::string DescribeBytes(uint64_t bytes);

// "1 entry, 0 B", "37 entries, 12.3 MiB".
std::string DescribeTree(const TreeSummary& tree);

// "0777".
std::string DescribeMode(uint32_t mode);

// "kafka (pid 71) holds /opt/bpa/data/kafka1/log", at most five of them and "and 3 more".
std::string DescribeUses(const std::vector<ProcessUse>& uses);

// "a, b, c", at most `limit` of them and "and 3 more".
std::string DescribeNames(const std::vector<std::string>& names, size_t limit);

// The same code, with `context` and a colon before the message. OK stays OK.
absl::Status InContext(std::string_view context, const absl::Status& status);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_DESCRIBE_H_

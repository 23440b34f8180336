// What this node is, as far as the gateway can tell without the executor.
#ifndef BPA_AGENT_GATEWAY_DESCRIBE_H_
#define BPA_AGENT_GATEWAY_DESCRIBE_H_

#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "agent/gateway/config.h"
#include "bpa/v1/agent_service.pb.h"

namespace bpa::gateway {

// Reads the clock, uname(2) and /etc/os-release anew at each call. What cannot be read is left
// empty: a description never fails. `certificate_expires` is the served certificate's.
v1::DescribeResponse DescribeNode(const Config& config, absl::Time certificate_expires);

// The value of PRETTY_NAME in os-release(5) text, unquoted; empty when there is none.
std::string PrettyName(std::string_view os_release);

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_DESCRIBE_H_

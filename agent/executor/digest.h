// SHA-256, for names and ids that are derived from others.
#ifndef BPA_AGENT_EXECUTOR_DIGEST_H_
#define BPA_AGENT_EXECUTOR_DIGEST_H_

#include <string>
#include <string_view>

namespace bpa::executor {

// 32 bytes.
std::string Sha256(std::string_view bytes);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_DIGEST_H_

// Paths as text: no file system is looked at. All paths are absolute and normal (IsNormalPath).
#ifndef BPA_AGENT_EXECUTOR_PATH_H_
#define BPA_AGENT_EXECUTOR_PATH_H_

#include <string>
#include <string_view>
#include <vector>

namespace bpa::executor {

// "/opt/bpa" is at or below "/opt", "/optional" is not. What is no absolute path ("pipe:[7]") is
// below nothing.
bool IsAtOrBelow(std::string_view path, std::string_view ancestor);

// "/opt" of "/opt/bpa"; "/" of "/opt".
std::string ParentOf(std::string_view path);

// "/opt/bpa" and "name" make "/opt/bpa/name".
std::string JoinPath(std::string_view directory, std::string_view name);

// For the root "/opt/bpa" and the path "/opt/bpa/data/elk": both of them and all that lie between,
// parents first. `path` must be at or below `root`.
std::vector<std::string> PathsBetween(std::string_view root, std::string_view path);

// The longest of `roots` at or above `path`; empty if there is none.
std::string NearestRoot(const std::vector<std::string>& roots, std::string_view path);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_PATH_H_

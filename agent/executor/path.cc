#include "agent/executor/path.h"

#include <algorithm>

namespace bpa::executor {

bool IsAtOrBelow(std::string_view path, std::string_view ancestor) {
  if (path == ancestor) return true;
  if (ancestor == "/") return path.starts_with('/');
  return path.starts_with(ancestor) && path.size() > ancestor.size() &&
         path[ancestor.size()] == '/';
}

std::string ParentOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string_view::npos ? "/" : std::string(path.substr(0, slash));
}

std::string JoinPath(std::string_view directory, std::string_view name) {
  std::string joined(directory);
  if (!joined.ends_with('/')) joined += '/';
  return joined.append(name);
}

std::vector<std::string> PathsBetween(std::string_view root, std::string_view path) {
  std::vector<std::string> paths;
  for (std::string current(path); current != root && current != "/"; current = ParentOf(current)) {
    paths.push_back(current);
  }
  paths.emplace_back(root);
  std::reverse(paths.begin(), paths.end());
  return paths;
}

std::string NearestRoot(const std::vector<std::string>& roots, std::string_view path) {
  std::string nearest;
  for (const std::string& root : roots) {
    if (IsAtOrBelow(path, root) && root.size() > nearest.size()) nearest = root;
  }
  return nearest;
}

}  // namespace bpa::executor

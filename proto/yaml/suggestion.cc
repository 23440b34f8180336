#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "proto/yaml/strict_yaml.h"

namespace bpa::yaml {
namespace {

constexpr size_t kMaxDistance = 2;
// Longer words are no slips of the finger, and the time grows with the square.
constexpr size_t kMaxWordBytes = 64;

// Insertions, deletions, replacements and swaps of neighbours.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> rows(a.size() + 1, std::vector<size_t>(b.size() + 1));
  std::iota(rows[0].begin(), rows[0].end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    rows[i][0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      rows[i][j] = std::min({rows[i - 1][j] + 1, rows[i][j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        rows[i][j] = std::min(rows[i][j], rows[i - 2][j - 2] + 1);
      }
    }
  }
  return rows[a.size()][b.size()];
}

}  // namespace

std::string Suggestion(std::string_view word, const std::vector<std::string_view>& known) {
  if (word.size() > kMaxWordBytes) return "";
  std::string_view best;
  size_t best_distance = kMaxDistance + 1;
  for (const std::string_view candidate : known) {
    if (candidate.size() > kMaxWordBytes) continue;
    const size_t distance = EditDistance(word, candidate);
    // A word of which nothing is left is another word.
    if (distance < best_distance && distance < std::max(word.size(), candidate.size())) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best_distance > kMaxDistance ? ""
                                      : absl::StrCat("did you mean '", std::string(best), "'?");
}

}  // namespace bpa::yaml

// HTML that cannot be forgotten to be escaped: text becomes Html by Text alone.
#ifndef BPA_CONTROLLER_PAGE_HTML_H_
#define BPA_CONTROLLER_PAGE_HTML_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bpa::controller {

class Html {
 public:
  Html() = default;

  const std::string& source() const { return source_; }
  bool empty() const { return source_.empty(); }
  Html& operator+=(const Html& more) {
    source_ += more.source_;
    return *this;
  }
  friend Html operator+(Html a, const Html& b) { return std::move(a += b); }

 private:
  friend Html Text(std::string_view text);
  friend Html Tag(const char* name, const std::vector<std::pair<const char*, std::string>>& with,
                  const Html& content);
  explicit Html(std::string source) : source_(std::move(source)) {}

  std::string source_;
};

// Shows `text` as it is. Bytes that are not UTF-8 become U+FFFD; control characters, and those of
// Unicode that turn text around or hide, become their number in angle brackets. Line feeds stay.
Html Text(std::string_view text);

using Attributes = std::vector<std::pair<const char*, std::string>>;

// `name` and the attributes' names are literals of ours; values are escaped.
Html Tag(const char* name, const Attributes& attributes, const Html& content);
inline Html Tag(const char* name, const Html& content) { return Tag(name, {}, content); }
inline Html Tag(const char* name, std::string_view text) { return Tag(name, {}, Text(text)); }

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_PAGE_HTML_H_

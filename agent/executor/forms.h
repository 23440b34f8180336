// The forms of names, paths and ids: what root accepts before it looks at what they mean. Each
// predicate bounds the length as well.
#ifndef BPA_AGENT_EXECUTOR_FORMS_H_
#define BPA_AGENT_EXECUTOR_FORMS_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace bpa::executor {

// RFC 9562 version 7, 36 characters, lower case.
bool IsUuidV7(std::string_view text);
// Of a node, cluster or role: letters, digits, `.`, `_`, `-`; begins and ends with letter or digit.
bool IsName(std::string_view text);
// A user or group as useradd(8) accepts it, or a decimal id.
bool IsAccount(std::string_view text);
// Absolute, not `/` alone, no `.`, `..`, empty or overlong component, no trailing slash, no control
// characters.
bool IsNormalPath(std::string_view text);
// Two or more components of letters, digits, `_` and `-`, joined by single dots.
bool IsSysctlName(std::string_view text);
// What ReadSysctl can return: printable, words parted by single blanks, at most 1024 bytes.
bool IsFoldedValue(std::string_view text);
// `vol-` and 8 or 17 lower-case hexadecimal digits.
bool IsEbsVolumeId(std::string_view text);
// Comma-separated mount options without white space, quotes or backslashes; empty is well-formed.
bool IsMountOptions(std::string_view text);
// Without control characters: safe in a log line and on a terminal. `max_bytes` is inclusive.
bool IsPlainText(std::string_view text, size_t max_bytes);
// For error messages: quoted, escaped, and cut after 80 bytes.
std::string Quoted(std::string_view text);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_FORMS_H_

#include "agent/executor/fstab.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace bpa::executor {
namespace {

constexpr std::string_view kBlanks = " \t";
constexpr std::string_view kOwnOption = "x-bpa.volume=";

// A line's bytes without its newline; offset within the file.
struct Line {
  size_t offset;
  std::string_view text;
};

std::vector<Line> SplitLines(std::string_view text) {
  std::vector<Line> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t newline = text.find('\n', begin);
    const size_t end = newline == std::string_view::npos ? text.size() : newline;
    lines.push_back({begin, text.substr(begin, end - begin)});
    begin = end + 1;
  }
  return lines;
}

std::vector<std::string_view> SplitFields(std::string_view line) {
  std::vector<std::string_view> fields;
  for (size_t begin = line.find_first_not_of(kBlanks); begin != std::string_view::npos;) {
    const size_t end = std::min(line.find_first_of(kBlanks, begin), line.size());
    fields.push_back(line.substr(begin, end - begin));
    begin = line.find_first_not_of(kBlanks, end);
  }
  return fields;
}

// nullopt if a backslash begins anything but the four escapes of fstab(5).
std::optional<std::string> Unescape(std::string_view field) {
  std::string out;
  for (size_t i = 0; i < field.size(); ++i) {
    if (field[i] != '\\') {
      out += field[i];
      continue;
    }
    const std::string_view code = field.substr(i + 1, 3);
    if (code == "040") {
      out += ' ';
    } else if (code == "011") {
      out += '\t';
    } else if (code == "012") {
      out += '\n';
    } else if (code == "134") {
      out += '\\';
    } else {
      return std::nullopt;
    }
    i += 3;
  }
  return out;
}

std::string Escape(std::string_view field) {
  std::string out;
  for (const char c : field) {
    if (c == ' ') {
      out += "\\040";
    } else if (c == '\t') {
      out += "\\011";
    } else if (c == '\n') {
      out += "\\012";
    } else if (c == '\\') {
      out += "\\134";
    } else {
      out += c;
    }
  }
  return out;
}

bool IsNumber(std::string_view field) {
  return !field.empty() && field.size() <= 9 &&
         std::all_of(field.begin(), field.end(), [](char c) { return absl::ascii_isdigit(c); });
}

absl::Status Malformed(int line, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("/etc/fstab line ", line, " is malformed: ", std::string(why)));
}

absl::StatusOr<FstabEntry> ParseEntry(std::string_view line, int number) {
  std::vector<std::string_view> fields = SplitFields(line);
  // fstab(5) knows no comment after the fields, but what stands there is ignored by libmount and
  // people do write it.
  if (fields.size() > 6 && fields[6].starts_with('#')) fields.resize(6);
  if (fields.size() < 4) {
    return Malformed(number, absl::StrCat(fields.size(), " fields instead of four to six"));
  }
  if (fields.size() > 6) {
    return Malformed(number, absl::StrCat(fields.size(), " fields instead of four to six"));
  }
  for (size_t i = 4; i < fields.size(); ++i) {
    if (!IsNumber(fields[i])) {
      return Malformed(number, absl::StrCat("field ", i + 1, " is not a number"));
    }
  }
  std::vector<std::string> texts;
  for (size_t i = 0; i < 4; ++i) {
    std::optional<std::string> text = Unescape(fields[i]);
    if (!text) {
      return Malformed(number, absl::StrCat("field ", i + 1,
                                            " has a backslash that begins none of \\040 \\011 "
                                            "\\012 \\134"));
    }
    texts.push_back(*std::move(text));
  }
  return FstabEntry{number, texts[0], texts[1], texts[2], texts[3]};
}

bool IsCommentOrBlank(std::string_view line) {
  const size_t first = line.find_first_not_of(kBlanks);
  return first == std::string_view::npos || line[first] == '#';
}

bool IsOurs(const FstabEntry& entry) {
  const std::vector<std::string> options = absl::StrSplit(entry.options, ',');
  return std::any_of(options.begin(), options.end(), [](const std::string& option) {
    return std::string_view(option).starts_with(kOwnOption);
  });
}

std::string WithoutTrailingSlashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

absl::Status Refuse(int line, std::string_view why) {
  return absl::FailedPreconditionError(
      absl::StrCat("/etc/fstab line ", line, " ", std::string(why)));
}

// The line number of our entry for the mount point, or 0.
absl::StatusOr<int> FindOwnLine(const std::vector<FstabEntry>& entries, const OwnMount& mount) {
  int own = 0;
  for (const FstabEntry& entry : entries) {
    if (WithoutTrailingSlashes(entry.mount_point) == mount.mount_point) {
      if (!IsOurs(entry)) {
        return Refuse(entry.line,
                      absl::StrCat("already mounts ", entry.spec, " on ", mount.mount_point,
                                   ", and this agent did not write it: remove that line (and "
                                   "unmount, if it names another disk), then run again"));
      }
      if (own != 0) {
        return Refuse(entry.line, absl::StrCat("repeats line ", own, " for ", mount.mount_point,
                                               ": remove one of them, then run again"));
      }
      own = entry.line;
    } else if (absl::EqualsIgnoreCase(entry.spec, mount.spec)) {
      return Refuse(entry.line,
                    absl::StrCat("already mounts the same filesystem ", entry.spec, " on ",
                                 entry.mount_point, ": remove that line, then run again"));
    }
  }
  return own;
}

// Foreign bytes are those outside our line: compares line by line.
absl::Status VerifyEdit(std::string_view before, const FstabEdit& edit, int own,
                        const OwnMount& mount) {
  const absl::StatusOr<std::vector<FstabEntry>> entries = ParseFstab(edit.text);
  if (!entries.ok()) return entries.status();
  const std::vector<Line> old_lines = SplitLines(before);
  const std::vector<Line> new_lines = SplitLines(edit.text);
  const size_t ours = own == 0 ? old_lines.size() : static_cast<size_t>(own) - 1;
  bool same = new_lines.size() == old_lines.size() + (own == 0 ? 1 : 0);
  for (size_t i = 0; same && i < new_lines.size(); ++i) {
    same = i == ours ? new_lines[i].text == edit.after : new_lines[i].text == old_lines[i].text;
  }
  const bool holds = std::any_of(entries->begin(), entries->end(), [&](const FstabEntry& entry) {
    return IsOurs(entry) && entry.mount_point == mount.mount_point && entry.spec == mount.spec;
  });
  if (same && holds) return absl::OkStatus();
  return absl::InternalError("the edited /etc/fstab does not read back; it was not written");
}

}  // namespace

absl::StatusOr<std::vector<FstabEntry>> ParseFstab(std::string_view text) {
  if (text.size() > kMaxFstabBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("/etc/fstab is larger than ", kMaxFstabBytes, " bytes"));
  }
  const std::vector<Line> lines = SplitLines(text);
  if (lines.size() > kMaxFstabLines) {
    return absl::InvalidArgumentError(
        absl::StrCat("/etc/fstab has more than ", kMaxFstabLines, " lines"));
  }
  std::vector<FstabEntry> entries;
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string_view line = lines[i].text;
    if (line.find('\0') != std::string_view::npos) {
      return Malformed(static_cast<int>(i) + 1, "it holds a NUL");
    }
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (IsCommentOrBlank(line)) continue;
    absl::StatusOr<FstabEntry> entry = ParseEntry(line, static_cast<int>(i) + 1);
    if (!entry.ok()) return entry.status();
    entries.push_back(*std::move(entry));
  }
  return entries;
}

std::string FstabLine(const OwnMount& mount) {
  const std::string options =
      absl::StrCat(mount.options.empty() ? "defaults" : mount.options,
                   ",nofail,x-systemd.device-timeout=", mount.device_timeout_seconds, ",",
                   std::string(kOwnOption), mount.volume);
  return absl::StrCat(Escape(mount.spec), " ", Escape(mount.mount_point), " ", Escape(mount.type),
                      " ", Escape(options), mount.type == "xfs" ? " 0 0" : " 0 2");
}

absl::StatusOr<FstabEdit> SetOwnMount(std::string_view text, const OwnMount& mount) {
  const absl::StatusOr<std::vector<FstabEntry>> entries = ParseFstab(text);
  if (!entries.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(std::string(entries.status().message()),
                     "; it is not edited: mend or remove that line, then run again"));
  }
  const absl::StatusOr<int> own = FindOwnLine(*entries, mount);
  if (!own.ok()) return own.status();
  FstabEdit edit;
  edit.after = FstabLine(mount);
  edit.text = std::string(text);
  if (*own == 0) {
    // Where the last newline is missing it stays so: the file ends as it did.
    const bool unfinished = !text.empty() && !text.ends_with('\n');
    absl::StrAppend(&edit.text, unfinished ? "\n" : "", edit.after, unfinished ? "" : "\n");
  } else {
    const Line line = SplitLines(text)[static_cast<size_t>(*own) - 1];
    edit.before = std::string(line.text);
    edit.text.replace(line.offset, line.text.size(), edit.after);
  }
  absl::Status verified = VerifyEdit(text, edit, *own, mount);
  if (!verified.ok()) return verified;
  return edit;
}

}  // namespace bpa::executor

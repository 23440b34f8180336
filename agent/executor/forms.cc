#include "agent/executor/forms.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/limits.h"

namespace bpa::executor {
namespace {

constexpr size_t kQuotedBytes = 80;

bool IsLowerHex(char c) { return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f'); }

bool IsWordCharacter(char c, std::string_view extra) {
  return absl::ascii_isalnum(c) || extra.find(c) != std::string_view::npos;
}

bool IsWord(std::string_view text, std::string_view extra) {
  return std::all_of(text.begin(), text.end(), [&](char c) { return IsWordCharacter(c, extra); });
}

}  // namespace

bool IsUuidV7(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !IsLowerHex(text[i])) return false;
  }
  constexpr std::string_view kVariant = "89ab";
  return text[14] == '7' && kVariant.find(text[19]) != std::string_view::npos;
}

bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes && IsWord(text, "._-") &&
         absl::ascii_isalnum(text.front()) && absl::ascii_isalnum(text.back());
}

bool IsAccount(std::string_view text) {
  if (text.empty() || text.size() > kMaxAccountBytes) return false;
  const bool begins_well = absl::ascii_isalnum(text.front()) || text.front() == '_';
  if (text.size() > 1 && text.back() == '$') text.remove_suffix(1);
  return begins_well && IsWord(text, "._-");
}

bool IsNormalPath(std::string_view text) {
  if (text.size() < 2 || text.size() > kMaxPathBytes || text.front() != '/') return false;
  if (!IsPlainText(text, kMaxPathBytes)) return false;
  text.remove_prefix(1);
  while (true) {
    const size_t end = std::min(text.find('/'), text.size());
    const std::string_view component = text.substr(0, end);
    if (component.empty() || component == "." || component == ".." ||
        component.size() > kMaxPathComponentBytes) {
      return false;
    }
    if (end == text.size()) return true;
    text.remove_prefix(end + 1);
  }
}

bool IsSysctlName(std::string_view text) {
  if (text.empty() || text.size() > kMaxNameBytes || !IsWord(text, "._-")) return false;
  return text.front() != '.' && text.back() != '.' && text.find('.') != std::string_view::npos &&
         text.find("..") == std::string_view::npos;
}

bool IsFoldedValue(std::string_view text) {
  return !text.empty() && IsPlainText(text, kMaxSysctlValueBytes) && text.front() != ' ' &&
         text.back() != ' ' && text.find("  ") == std::string_view::npos;
}

bool IsEbsVolumeId(std::string_view text) {
  if (!text.starts_with("vol-")) return false;
  text.remove_prefix(4);
  return (text.size() == 8 || text.size() == 17) &&
         std::all_of(text.begin(), text.end(), IsLowerHex);
}

bool IsMountOptions(std::string_view text) {
  if (text.empty()) return true;
  return text.size() <= kMaxMountOptionsBytes && IsWord(text, "=,.:_/@%+-") &&
         text.front() != ',' && text.back() != ',' && text.find(",,") == std::string_view::npos;
}

bool IsPlainText(std::string_view text, size_t max_bytes) {
  return text.size() <= max_bytes &&
         std::none_of(text.begin(), text.end(), [](char c) { return absl::ascii_iscntrl(c); });
}

std::string Quoted(std::string_view text) {
  const bool cut = text.size() > kQuotedBytes;
  return absl::StrCat("'", absl::CEscape(std::string(text.substr(0, kQuotedBytes))),
                      cut ? "...'" : "'");
}

}  // namespace bpa::executor

#include "controller/table.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "proto/utf8.h"

namespace bpa::controller {
namespace {

constexpr size_t kGap = 2;
constexpr char kEllipsis[] = "…";

std::string OneLine(const std::string& text) {
  std::string line = Printable(text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

size_t StepLength(std::string_view text) { return std::max<size_t>(Utf8Length(text), 1); }

std::vector<size_t> Widths(const std::vector<TableRow>& rows) {
  std::vector<size_t> widths;
  for (const TableRow& row : rows) {
    widths.resize(std::max(widths.size(), row.cells.size()));
    for (size_t i = 0; i < row.cells.size(); ++i) {
      widths[i] = std::max(widths[i], Characters(row.cells[i]));
    }
  }
  return widths;
}

}  // namespace

size_t Characters(const std::string& text) {
  size_t count = 0;
  for (std::string_view rest = text; !rest.empty(); rest.remove_prefix(StepLength(rest))) ++count;
  return count;
}

std::string Shortened(const std::string& text, size_t characters) {
  if (Characters(text) <= characters) return text;
  std::string_view rest = text;
  for (size_t i = 0; i + 1 < characters; ++i) rest.remove_prefix(StepLength(rest));
  return absl::StrCat(text.substr(0, text.size() - rest.size()), characters > 0 ? kEllipsis : "");
}

std::string RenderTable(const std::vector<TableRow>& rows, size_t columns, bool color) {
  std::vector<TableRow> lines = rows;
  for (TableRow& row : lines) {
    for (std::string& cell : row.cells) cell = OneLine(cell);
  }
  const std::vector<size_t> widths = Widths(lines);
  std::string text;
  for (size_t r = 0; r < lines.size(); ++r) {
    std::string line;
    for (size_t i = 0; i < lines[r].cells.size(); ++i) {
      const std::string& cell = lines[r].cells[i];
      const bool last = i + 1 == lines[r].cells.size();
      absl::StrAppend(&line, cell,
                      last ? "" : std::string(widths[i] - Characters(cell) + kGap, ' '));
    }
    line.erase(line.find_last_not_of(' ') + 1);
    if (columns > 0) line = Shortened(line, columns);
    absl::StrAppend(&text, Paint(line, r == 0 ? Color::kBold : lines[r].color, color), "\n");
  }
  return text;
}

TerminalSize SizeOfTerminal(int fd) {
  winsize size{};
  if (isatty(fd) == 0 || ioctl(fd, TIOCGWINSZ, &size) != 0) return {};
  return {.columns = size.ws_col, .rows = size.ws_row};
}

}  // namespace bpa::controller

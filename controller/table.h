// Tables for people: columns side by side, in the width that there is.
#ifndef BPA_CONTROLLER_TABLE_H_
#define BPA_CONTROLLER_TABLE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "controller/report_text.h"

namespace bpa::controller {

struct TableRow {
  std::vector<std::string> cells;
  Color color = Color::kNone;
};

// A line per row; the first is the heading. Cells are made printable and one line. Where a line is
// longer than `columns` (0: as long as it likes), its end is cut, so that a last column of free
// text gives way.
std::string RenderTable(const std::vector<TableRow>& rows, size_t columns, bool color);

// How many characters `text` has: what takes no UTF-8 counts by bytes.
size_t Characters(const std::string& text);

// The first `characters` of it, the last of them an ellipsis where something was cut.
std::string Shortened(const std::string& text, size_t characters);

struct TerminalSize {
  size_t columns = 0;  // 0: no terminal, or one of unknown size
  size_t rows = 0;
};
TerminalSize SizeOfTerminal(int fd);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_TABLE_H_

#include "controller/progress.h"

#include <algorithm>
#include <cstdlib>
#include <ostream>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controller/exit_code.h"
#include "controller/render_recap.h"
#include "controller/report_text.h"
#include "controller/table.h"

namespace bpa::controller {
namespace {

// More often than the eye sees costs the run time.
constexpr absl::Duration kRedrawInterval = absl::Milliseconds(30);
// A log need not hear of a package more often, on each node.
constexpr absl::Duration kPackageLineInterval = absl::Seconds(5);

std::string Bar(const v1::Progress& progress) {
  return RenderBar(progress.position(), std::max<uint32_t>(progress.total(), 1));
}

std::string VerdictOf(const NodeResult& result) {
  std::string verdict =
      result.state == NodeState::kReported ? RenderCounts(result.report) : StateWord(result.state);
  std::replace(verdict.begin(), verdict.end(), '_', ' ');
  return absl::StrCat(verdict, "  ", RenderElapsed(result.elapsed));
}

std::string Subject(const v1::Progress& progress) {
  return absl::StrCat(KindWord(progress.kind()), " ", Printable(progress.name()));
}

}  // namespace

ProgressOptions ProgressFor(int fd, bool color) {
  ProgressOptions options{.color = color};
  const char* term = std::getenv("TERM");
  if (term == nullptr || std::string_view(term) == "dumb") return options;
  const TerminalSize size = SizeOfTerminal(fd);
  if (size.columns == 0 || size.rows == 0) return options;
  options.style = ProgressStyle::kLive;
  options.columns = size.columns;
  options.rows = size.rows;
  return options;
}

Progress::Progress(std::ostream& out, const std::vector<Node>& nodes,
                   const ProgressOptions& options)
    : out_(out), options_(options) {
  for (const Node& node : nodes) {
    name_width_ = std::max(name_width_, node.name.size());
    lines_.push_back({.node = node.name});
  }
}

FleetObserver Progress::Observer() {
  if (options_.style == ProgressStyle::kSilent) return {};
  return {.started = [this](const std::string& node) { OnStarted(node); },
          .progressed = [this](const std::string& node,
                               const v1::Progress& progress) { OnProgressed(node, progress); },
          .finished = [this](const NodeResult& result) { OnFinished(result); }};
}

void Progress::Clear() {
  if (drawn_ > 0) out_ << absl::StrCat("\x1b[", drawn_, "A\x1b[J") << std::flush;
  drawn_ = 0;
}

Progress::Line& Progress::Find(const std::string& node) {
  return *std::find_if(lines_.begin(), lines_.end(),
                       [&](const Line& line) { return line.node == node; });
}

void Progress::OnStarted(const std::string& node) {
  Find(node).phase = Line::Phase::kUnderWay;
  if (options_.style == ProgressStyle::kPlain) out_ << node << ": sent\n" << std::flush;
  Redraw();
}

void Progress::OnProgressed(const std::string& node, const v1::Progress& progress) {
  Line& line = Find(node);
  line.progress = progress;
  if (progress.has_package()) {
    line.package.Note(progress.package(), absl::Now());
    OnPackage(line);
    return;
  }
  // What is as wanted is no event for a log.
  const bool event = progress.status() != v1::RESOURCE_STATUS_UNSPECIFIED &&
                     progress.status() != v1::RESOURCE_STATUS_UNCHANGED;
  if (options_.style == ProgressStyle::kPlain && event) {
    std::string status = StatusWord(progress.status());
    std::replace(status.begin(), status.end(), '_', ' ');
    out_ << absl::StrFormat("%s: [%d/%d] %s %s\n", node, progress.position(), progress.total(),
                            Subject(progress), status)
         << std::flush;
  }
  Redraw();
}

void Progress::OnPackage(Line& line) {
  const absl::Time now = absl::Now();
  const bool event = line.progress.package().phase() != v1::PackageProgress::PHASE_UNSPECIFIED;
  if (options_.style == ProgressStyle::kPlain && event && now - line.told >= kPackageLineInterval) {
    line.told = now;
    out_ << line.node << ": " << line.package.Render() << "\n" << std::flush;
  }
  Redraw();
}

void Progress::OnFinished(const NodeResult& result) {
  Line& line = Find(result.node);
  line.phase = Line::Phase::kEnded;
  line.verdict = VerdictOf(result);
  line.failed = Failed(result);
  if (options_.style == ProgressStyle::kPlain) {
    out_ << result.node << ": " << line.verdict << "\n" << std::flush;
  }
  Redraw();
}

std::string Progress::Render(const Line& line) const {
  std::string body = "waiting";
  Color color = Color::kDim;
  if (line.phase == Line::Phase::kEnded) {
    body = line.verdict;
    color = line.failed ? Color::kRed : Color::kGreen;
  } else if (line.phase == Line::Phase::kUnderWay) {
    color = Color::kNone;
    body = line.progress.total() == 0 ? "sent"
           : line.progress.has_package()
               ? line.package.Render()
               : absl::StrFormat("%s %d/%d %s", Bar(line.progress), line.progress.position(),
                                 line.progress.total(), Subject(line.progress));
  }
  const std::string name = line.node + std::string(name_width_ - line.node.size() + 2, ' ');
  // One column stays free: writing into the last one makes some terminals wrap.
  const size_t room = options_.columns > name.size() + 1 ? options_.columns - name.size() - 1 : 0;
  return absl::StrCat(name.substr(0, options_.columns - 1),
                      Paint(body.substr(0, room), color, options_.color));
}

std::vector<std::string> Progress::VisibleLines() const {
  std::vector<std::string> visible;
  if (lines_.size() < options_.rows) {
    for (const Line& line : lines_) visible.push_back(Render(line));
    return visible;
  }
  size_t waiting = 0;
  size_t ended = 0;
  for (const Line& line : lines_) {
    if (line.phase == Line::Phase::kWaiting) ++waiting;
    if (line.phase == Line::Phase::kEnded) ++ended;
    const bool fits = visible.size() + 2 < options_.rows;
    if (line.phase == Line::Phase::kUnderWay && fits) visible.push_back(Render(line));
  }
  visible.push_back(absl::StrFormat("%d of %d ended, %d waiting", ended, lines_.size(), waiting));
  return visible;
}

void Progress::Redraw() {
  if (options_.style != ProgressStyle::kLive) return;
  const absl::Time now = absl::Now();
  const bool over = std::all_of(lines_.begin(), lines_.end(),
                                [](const Line& line) { return line.phase == Line::Phase::kEnded; });
  if (!over && now - last_draw_ < kRedrawInterval) return;
  last_draw_ = now;
  std::string screen;
  if (drawn_ > 0) absl::StrAppend(&screen, "\x1b[", drawn_, "A");
  const std::vector<std::string> visible = VisibleLines();
  for (const std::string& line : visible) absl::StrAppend(&screen, "\r", line, "\x1b[K\n");
  screen += "\x1b[J";
  drawn_ = visible.size();
  out_ << screen << std::flush;
}

}  // namespace bpa::controller

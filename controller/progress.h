// What is seen while a command runs.
#ifndef BPA_CONTROLLER_PROGRESS_H_
#define BPA_CONTROLLER_PROGRESS_H_

#include <iosfwd>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "controller/fleet.h"
#include "controller/package_meter.h"

namespace bpa::controller {

enum class ProgressStyle {
  kSilent,
  kPlain,  // a line per event, never a control character: for pipes and log files
  kLive,   // a line per node, redrawn in place
};

struct ProgressOptions {
  ProgressStyle style = ProgressStyle::kPlain;
  bool color = false;
  // Of the terminal, for kLive. A line is cut at `columns`; where the nodes do not fit `rows`, only
  // those under way are shown, and how many wait and have ended.
  size_t columns = 80;
  size_t rows = 24;
};

// The options for what `fd` is: live on a terminal of known size with a usable TERM, else plain.
ProgressOptions ProgressFor(int fd, bool color);

// Shows one run. Single-threaded; writes to `out`, which must outlive it.
class Progress {
 public:
  Progress(std::ostream& out, const std::vector<Node>& nodes, const ProgressOptions& options);

  // Valid as long as this object.
  FleetObserver Observer();
  // Removes what is live: the recap takes its place. Plain lines stay.
  void Clear();

 private:
  struct Line {
    std::string node;
    enum class Phase { kWaiting, kUnderWay, kEnded } phase = Phase::kWaiting;
    v1::Progress progress;
    PackageMeter package;
    absl::Time told = absl::InfinitePast();  // kPlain: of the package
    std::string verdict;
    bool failed = false;
  };

  Line& Find(const std::string& node);
  void OnStarted(const std::string& node);
  void OnProgressed(const std::string& node, const v1::Progress& progress);
  void OnPackage(Line& line);
  void OnFinished(const NodeResult& result);
  void Redraw();
  std::string Render(const Line& line) const;
  std::vector<std::string> VisibleLines() const;

  std::ostream& out_;
  const ProgressOptions options_;
  size_t name_width_ = 0;
  std::vector<Line> lines_;
  size_t drawn_ = 0;  // lines on the screen above the cursor
  absl::Time last_draw_ = absl::InfinitePast();
};

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_PROGRESS_H_

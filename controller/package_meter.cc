#include "controller/package_meter.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace bpa::controller {
namespace {

constexpr int kBarWidth = 16;
constexpr absl::Duration kMeasure = absl::Milliseconds(500);
// Of a new measurement in the smoothed rate.
constexpr double kWeight = 0.3;

std::string RenderLeft(double seconds) {
  const int64_t whole = std::llround(seconds);
  if (whole < 60) return absl::StrCat(whole, "s");
  if (whole < 3600) return absl::StrFormat("%dm %02ds", whole / 60, whole % 60);
  return absl::StrFormat("%dh %02dm", whole / 3600, whole / 60 % 60);
}

}  // namespace

std::string RenderBytes(uint64_t bytes) {
  constexpr std::array kUnits = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

std::string RenderBar(uint64_t done, uint64_t total) {
  const double part =
      total == 0 ? 1 : static_cast<double>(std::min(done, total)) / static_cast<double>(total);
  const int filled = static_cast<int>(part * kBarWidth);
  return absl::StrCat("[", std::string(filled, '#'), std::string(kBarWidth - filled, '.'), "]");
}

std::string RenderTransfer(const v1::PackageProgress& progress) {
  return absl::StrCat(RenderBytes(progress.received_bytes()), " received, ",
                      RenderBytes(progress.reused_bytes()), " reused");
}

void PackageMeter::Note(const v1::PackageProgress& progress, absl::Time now) {
  const bool new_phase = progress.phase() != progress_.phase();
  progress_ = progress;
  if (new_phase || progress.received_bytes() < measured_bytes_) {
    bytes_per_second_ = 0;
    measured_at_ = now;
    measured_bytes_ = progress.received_bytes();
    return;
  }
  const absl::Duration since = now - measured_at_;
  if (since < kMeasure) return;
  const double rate = static_cast<double>(progress.received_bytes() - measured_bytes_) /
                      absl::ToDoubleSeconds(since);
  bytes_per_second_ =
      bytes_per_second_ == 0 ? rate : kWeight * rate + (1 - kWeight) * bytes_per_second_;
  measured_at_ = now;
  measured_bytes_ = progress.received_bytes();
}

std::string PackageMeter::Render() const {
  const v1::PackageProgress::Phase phase = progress_.phase();
  if (phase == v1::PackageProgress::PHASE_REUSE) {
    return absl::StrCat(Percent(progress_.reused_bytes()), " found on the node, ",
                        RenderBytes(progress_.reused_bytes()), " of ",
                        RenderBytes(progress_.total_bytes()));
  }
  if (phase == v1::PackageProgress::PHASE_CHECK) {
    return absl::StrCat(Percent(progress_.checked_bytes()), " checked, ",
                        RenderTransfer(progress_));
  }
  if (phase == v1::PackageProgress::PHASE_PUBLISH) {
    return absl::StrCat(Percent(progress_.total_bytes()), " publishing, ",
                        RenderTransfer(progress_));
  }
  if (phase == v1::PackageProgress::PHASE_UNSPECIFIED) return "looking at what is there";
  return progress_.total_bytes() == 0 ? "receiving the manifest" : Receiving();
}

std::string PackageMeter::Percent(uint64_t done) const {
  const uint64_t total = progress_.total_bytes();
  const int percent = total == 0
                          ? 100
                          : static_cast<int>(100.0 * static_cast<double>(std::min(done, total)) /
                                             static_cast<double>(total));
  return absl::StrFormat("%s %3d%%", RenderBar(done, total), percent);
}

std::string PackageMeter::Receiving() const {
  const uint64_t total = progress_.total_bytes();
  const uint64_t there = std::min(progress_.reused_bytes() + progress_.received_bytes(), total);
  std::string text =
      absl::StrCat(Percent(there), " received, ", RenderBytes(there), " of ", RenderBytes(total));
  if (bytes_per_second_ > 0) {
    absl::StrAppend(&text, ", ", RenderBytes(static_cast<uint64_t>(bytes_per_second_)), "/s, ",
                    RenderLeft(static_cast<double>(total - there) / bytes_per_second_), " left");
  }
  return absl::StrCat(text, ", ", RenderBytes(progress_.reused_bytes()), " reused");
}

}  // namespace bpa::controller

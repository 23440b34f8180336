// How far one package is on one node, in words: bar, rate, time left, what needed no sending.
#ifndef BPA_CONTROLLER_PACKAGE_METER_H_
#define BPA_CONTROLLER_PACKAGE_METER_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "bpa/v1/report.pb.h"

namespace bpa::controller {

// "0 B", "1023 B", "1.0 KiB", "12.3 GiB".
std::string RenderBytes(uint64_t bytes);
// "[####............]"; `done` of `total`.
std::string RenderBar(uint64_t done, uint64_t total);
// "12.0 MiB received, 1.0 GiB reused".
std::string RenderTransfer(const v1::PackageProgress& progress);

class PackageMeter {
 public:
  void Note(const v1::PackageProgress& progress, absl::Time now);

  // "[####............]  25% received, 1.0 GiB of 4.0 GiB, 112.0 MiB/s, 27s left, 300.0 MiB reused"
  std::string Render() const;

 private:
  std::string Percent(uint64_t done) const;
  std::string Receiving() const;

  v1::PackageProgress progress_;
  // Smoothed over a few seconds; 0 while it is not known.
  double bytes_per_second_ = 0;
  absl::Time measured_at_;
  uint64_t measured_bytes_ = 0;
};

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_PACKAGE_METER_H_

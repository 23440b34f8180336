#include "controller/package_meter.h"

#include <gtest/gtest.h>

namespace bpa::controller {
namespace {

constexpr uint64_t kMiB = 1 << 20;

v1::PackageProgress At(v1::PackageProgress::Phase phase, uint64_t reused, uint64_t received,
                       uint64_t checked = 0) {
  v1::PackageProgress progress;
  progress.set_phase(phase);
  progress.set_total_bytes(1000 * kMiB);
  progress.set_reused_bytes(reused * kMiB);
  progress.set_received_bytes(received * kMiB);
  progress.set_checked_bytes(checked * kMiB);
  return progress;
}

TEST(PackageMeterTest, WritesBytesAsPeopleReadThem) {
  EXPECT_EQ(RenderBytes(0), "0 B");
  EXPECT_EQ(RenderBytes(1023), "1023 B");
  EXPECT_EQ(RenderBytes(1024), "1.0 KiB");
  EXPECT_EQ(RenderBytes(kMiB * 1536), "1.5 GiB");
  EXPECT_EQ(RenderBytes(UINT64_MAX), "16777216.0 TiB");
}

TEST(PackageMeterTest, TellsRateAndTimeLeftOnceItHasMeasured) {
  PackageMeter meter;
  absl::Time now = absl::UnixEpoch();
  meter.Note(At(v1::PackageProgress::PHASE_RECEIVE, 500, 0), now);
  EXPECT_EQ(meter.Render(),
            "[########........]  50% received, 500.0 MiB of 1000.0 MiB, 500.0 MiB reused");
  now += absl::Seconds(1);
  meter.Note(At(v1::PackageProgress::PHASE_RECEIVE, 500, 100), now);
  EXPECT_EQ(meter.Render(),
            "[#########.......]  60% received, 600.0 MiB of 1000.0 MiB, 100.0 MiB/s, 4s left, "
            "500.0 MiB reused");
}

TEST(PackageMeterTest, StandsStillWhenNothingComes) {
  PackageMeter meter;
  absl::Time now = absl::UnixEpoch();
  for (const uint64_t received : {0, 300, 300, 300, 300, 300, 300, 300, 300, 300, 300}) {
    meter.Note(At(v1::PackageProgress::PHASE_RECEIVE, 0, received), now);
    now += absl::Seconds(1);
  }
  EXPECT_EQ(meter.Render().find("300.0 MiB/s"), std::string::npos) << meter.Render();
}

TEST(PackageMeterTest, NamesTheOtherPhases) {
  PackageMeter meter;
  meter.Note(At(v1::PackageProgress::PHASE_REUSE, 250, 0), absl::UnixEpoch());
  EXPECT_EQ(meter.Render(), "[####............]  25% found on the node, 250.0 MiB of 1000.0 MiB");
  meter.Note(At(v1::PackageProgress::PHASE_CHECK, 900, 100, 500), absl::UnixEpoch());
  EXPECT_EQ(meter.Render(),
            "[########........]  50% checked, 100.0 MiB received, 900.0 MiB reused");
  meter.Note(At(v1::PackageProgress::PHASE_PUBLISH, 900, 100, 1000), absl::UnixEpoch());
  EXPECT_EQ(meter.Render(),
            "[################] 100% publishing, 100.0 MiB received, 900.0 MiB reused");
}

TEST(PackageMeterTest, SaysSoBeforeThereIsAnythingToMeasure) {
  PackageMeter meter;
  meter.Note({}, absl::UnixEpoch());
  EXPECT_EQ(meter.Render(), "looking at what is there");
  v1::PackageProgress progress;
  progress.set_phase(v1::PackageProgress::PHASE_RECEIVE);
  meter.Note(progress, absl::UnixEpoch());
  EXPECT_EQ(meter.Render(), "receiving the manifest");
}

TEST(PackageMeterTest, AnEmptyTreeIsWhole) {
  v1::PackageProgress progress;
  progress.set_phase(v1::PackageProgress::PHASE_CHECK);
  PackageMeter meter;
  meter.Note(progress, absl::UnixEpoch());
  EXPECT_EQ(meter.Render(), "[################] 100% checked, 0 B received, 0 B reused");
}

}  // namespace
}  // namespace bpa::controller

#include "tests/agent/executor/package/package_machine.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"

namespace bpa::executor {

std::string Look(const std::string& directory) {
  const std::string command = "cd '" + directory +
                              "' && { find . -printf '%y %m %U %G %T@ %l %p\\n' | sort; "
                              "find . -type f -print0 | sort -z | xargs -0r sha256sum; }";
  // NOLINTNEXTLINE(cert-env33-c): a test's own words
  FILE* pipe = popen(command.c_str(), "r");
  std::string text;
  std::array<char, 4096> buffer;
  for (size_t got = 0; (got = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    text.append(buffer.data(), got);
  }
  EXPECT_EQ(pclose(pipe), 0) << command;
  return text;
}

std::string Noise(uint64_t seed, size_t bytes) {
  std::mt19937_64 random(seed);
  std::string noise;
  noise.reserve(bytes + 8);
  while (noise.size() < bytes) {
    const uint64_t word = random();
    noise.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  noise.resize(bytes);
  return noise;
}

PackageMachine::PackageMachine(const std::string& filesystem, uint64_t bytes)
    : base_(scratch_ / "disk") {
  std::filesystem::create_directory(base_);
  if (filesystem == "tmpfs") {
    mount_ = std::make_unique<TestMount>("tmpfs", base_, "tmpfs", 0, absl::StrCat("size=", bytes));
  } else if (!filesystem.empty()) {
    disk_ = std::make_unique<LoopDisk>(bytes);
    Shell(absl::StrCat("mkfs.", filesystem, " -q ", disk_->node(), " > /dev/null"));
    mount_ = std::make_unique<TestMount>(disk_->node(), base_, filesystem);
  }
  std::filesystem::create_directory(base_ + "/bpa");
  std::filesystem::create_directory(source());
}

v1::Package PackageMachine::Package(const std::string& label, uint64_t average) {
  v1::Package package = MakeManifest(source(), scratch_ / "manifest", average);
  package.set_destination(destination());
  package.set_label(label);
  return package;
}

std::unique_ptr<PackageSource> PackageMachine::Source() const {
  return std::make_unique<PackageSource>(source(), scratch_ / "manifest");
}

absl::Status PackageMachine::Apply(const v1::Package& package, ContentSource* content) {
  return Apply(package, PackageRun{.content = content});
}

absl::Status PackageMachine::Apply(const v1::Package& package, PackageRun run) {
  PackageResource resource(package, std::move(run), host);
  absl::StatusOr<std::vector<Difference>> differences = resource.Observe();
  if (!differences.ok() || differences->empty()) return differences.status();
  absl::Status s = resource.Converge();
  if (!s.ok()) return s;
  differences = resource.Observe();
  if (!differences.ok()) return differences.status();
  if (differences->empty()) return absl::OkStatus();
  return absl::InternalError("did not read back: " + differences->front().before);
}

absl::Status PackageMachine::Stage(const std::string& label) {
  const v1::Package package = Package(label);
  return Apply(package, Source().get());
}

absl::StatusOr<std::vector<Difference>> PackageMachine::Observe(const v1::Package& package,
                                                                bool verify) {
  return PackageResource(package, PackageRun{.verify = verify}, host).Observe();
}

absl::StatusOr<std::vector<Difference>> PackageMachine::Glance(const v1::Package& package) {
  return PackageResource(package, PackageRun{.glance = true}, host).Observe();
}

}  // namespace bpa::executor

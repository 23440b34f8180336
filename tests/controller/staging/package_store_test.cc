#include "controller/staging/package_store.h"

#include <fcntl.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "proto/manifest_index.h"
#include "tests/controller/staging/source_samples.h"

namespace bpa::controller {
namespace {

using ::bpa::testing::IsOk;
using ::bpa::testing::RandomBytes;
using ::bpa::testing::StatusIs;
using ::bpa::testing::TemporaryDirectory;
using ::testing::HasSubstr;

class PackageStoreTest : public ::testing::Test {
 protected:
  PackageStoreTest() : store_(PackageStore::Open(home_.path()).value()) {
    source_.directory = tree_.path();
    source_.package.set_label("5.1");
    source_.package.set_destination("/opt/bpa/packages");
  }
  absl::StatusOr<v1::Package> Make() { return store_->Make(source_, nullptr, stop_); }
  size_t Files(const std::string& suffix) const {
    size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(home_.File("packages"))) {
      if (entry.path().string().ends_with(suffix)) ++files;
    }
    return files;
  }

  const TemporaryDirectory home_;
  const TemporaryDirectory tree_;
  const std::unique_ptr<PackageStore> store_;
  const std::atomic<bool> stop_ = false;
  PackageSource source_;
};

TEST_F(PackageStoreTest, FillsInWhatTheManifestSays) {
  tree_.Write("f", RandomBytes(1000));
  const auto package = Make();
  ASSERT_THAT(package, IsOk());
  EXPECT_EQ(package->label(), "5.1");
  EXPECT_EQ(package->entries(), 2u);
  EXPECT_EQ(package->content_bytes(), 1000u);
  const auto content = store_->Content(package->manifest_sha256());
  ASSERT_THAT(content, IsOk());
  EXPECT_EQ(content->manifest_bytes, package->manifest_bytes());
  EXPECT_EQ(::bpa::testing::ReadItems(content->manifest.get()).at("f").entry.size, 1000u);
  EXPECT_EQ(content->tree->path(), std::filesystem::canonical(tree_.path()));
}

TEST_F(PackageStoreTest, HasAnIndexOfALargeManifest) {
  for (int i = 0; i < 1000; ++i) tree_.Write(absl::StrCat("a-file-", i), absl::StrCat(i));
  const auto package = Make();
  ASSERT_THAT(package, IsOk());
  EXPECT_GT(package->manifest_index_bytes(), 0u);
  const auto content = store_->Content(package->manifest_sha256());
  ASSERT_THAT(content, IsOk());
  EXPECT_EQ(content->manifest_index.size(), package->manifest_index_bytes());
  EXPECT_THAT(ParseManifestIndex(content->manifest_index, package->manifest_bytes()), IsOk());
}

TEST_F(PackageStoreTest, GivesTheSameDigestUntilTheTreeChanges) {
  tree_.Write("f", "one");
  const std::string first = Make()->manifest_sha256();
  EXPECT_EQ(Make()->manifest_sha256(), first);
  tree_.Write("f", "two");
  EXPECT_NE(Make()->manifest_sha256(), first);
  EXPECT_EQ(Files(".manifest"), 2u);
  source_.modes.files = 0600;
  EXPECT_NE(Make()->manifest_sha256(), first);
}

TEST_F(PackageStoreTest, LeavesNothingBehindAFailure) {
  ASSERT_EQ(mkfifo(tree_.File("pipe").c_str(), 0600), 0);
  EXPECT_THAT(Make(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is a FIFO")));
  EXPECT_EQ(Files(".manifest"), 0u);
  for (const auto& entry : std::filesystem::directory_iterator(home_.File("packages"))) {
    EXPECT_EQ(entry.path().string().find("making."), std::string::npos);
  }
}

TEST_F(PackageStoreTest, SaysWhichManifestIsMissingOrDamaged) {
  tree_.Write("f", "content");
  const std::string digest = Make()->manifest_sha256();
  EXPECT_THAT(store_->Content(std::string(32, 'x')),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/packages/7878")));
  for (const auto& entry : std::filesystem::directory_iterator(home_.File("packages"))) {
    if (entry.path().extension() == ".manifest") std::filesystem::resize_file(entry.path(), 50);
  }
  EXPECT_THAT(store_->Content(digest),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("is damaged")));
  EXPECT_THAT(Make(), IsOk());
  EXPECT_THAT(store_->Content(digest), IsOk()) << "made anew";
}

TEST_F(PackageStoreTest, ForgetsManifestsOfLongAgoAndNothingElse) {
  tree_.Write("f", "content");
  ASSERT_THAT(Make(), IsOk());
  home_.Write("packages/notes.txt", "mine");
  for (const auto& entry : std::filesystem::directory_iterator(home_.File("packages"))) {
    std::filesystem::last_write_time(
        entry.path(), std::filesystem::file_time_type::clock::now() - std::chrono::hours(24 * 61));
  }
  ASSERT_THAT(PackageStore::Open(home_.path()), IsOk());
  EXPECT_EQ(Files(".manifest"), 0u);
  EXPECT_EQ(Files(".source"), 0u);
  EXPECT_EQ(Files("notes.txt"), 1u);
  EXPECT_EQ(Files("hashes.db"), 1u);
}

TEST_F(PackageStoreTest, NamesASourceThatIsNotThere) {
  source_.directory = tree_.File("absent");
  EXPECT_THAT(Make(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("/absent'")));
}

}  // namespace
}  // namespace bpa::controller

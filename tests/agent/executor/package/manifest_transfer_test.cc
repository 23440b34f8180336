// What of a manifest travels to a node that has others already, on a real filesystem.
#include "agent/executor/package/manifest_transfer.h"

#include <fcntl.h>

#include <filesystem>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/manifest_index.h"
#include "tests/agent/executor/package/package_machine.h"

namespace bpa::executor {
namespace {

namespace fs = std::filesystem;
using absl::StatusCode;

// A tree whose manifest has some 260 KB.
class ManifestTransferTest : public testing::Test {
 protected:
  ManifestTransferTest() {
    for (int i = 0; i < 3000; ++i) {
      WriteFile(machine_.In(absl::StrCat("file-", 10'000 + i)), absl::StrCat(i));
    }
  }

  // Publishes the tree as it is now; returns how much of its manifest came, with the index.
  uint64_t Stage(const std::string& label) {
    const auto source = machine_.Source();
    EXPECT_THAT(machine_.Apply(machine_.Package(label), source.get()), IsOk());
    EXPECT_EQ(Look(machine_.destination()), Look(machine_.source()));
    return source->manifest_bytes_sent();
  }
  void ChangeAFewFiles() {
    WriteFile(machine_.In("file-10100"), "changed");
    WriteFile(machine_.In("file-12000"), "changed too");
    WriteFile(machine_.In("file-11500.new"), "new");
    fs::remove(machine_.In("file-12500"));
  }

  PackageMachine machine_;
};

TEST_F(ManifestTransferTest, SendsTheFirstManifestWholeAndWithoutItsIndex) {
  EXPECT_EQ(Stage("8.1"), machine_.Package("8.1").manifest_bytes());
}

TEST_F(ManifestTransferTest, SendsOfTheNextOnlyWhatIsNewInIt) {
  Stage("8.1");
  ChangeAFewFiles();
  const v1::Package next = machine_.Package("8.2");
  const uint64_t sent = Stage("8.2");
  EXPECT_GT(sent, next.manifest_index_bytes());
  EXPECT_LT(sent - next.manifest_index_bytes(), 20'000U);
  EXPECT_LT(sent, next.manifest_bytes() / 10);
}

TEST_F(ManifestTransferTest, FindsPiecesInAManifestThatWasAbandoned) {
  WriteFile(machine_.In("z.tar"), Noise(1, 1 << 20));
  const v1::Package package = machine_.Package("8.1");
  const auto source = machine_.Source();
  source->fails_after = package.manifest_bytes() + 10'000;
  source->failure = absl::UnavailableError("cut");
  EXPECT_THAT(machine_.Apply(package, source.get()), FailsWith(StatusCode::kUnavailable, "cut"));
  ChangeAFewFiles();
  EXPECT_LT(Stage("8.2"), package.manifest_bytes() / 10);
}

TEST_F(ManifestTransferTest, GoesOnWhereTheConnectionWasCut) {
  Stage("8.1");
  // Half of it is new.
  for (int i = 0; i < 1500; ++i) {
    WriteFile(machine_.In(absl::StrCat("file-", 11'000 + i)), absl::StrCat("new ", i));
  }
  const v1::Package next = machine_.Package("8.2");
  const auto first = machine_.Source();
  first->piece_bytes = 4096;
  first->fails_after = next.manifest_index_bytes() + 100'000;
  first->failure = absl::UnavailableError("cut");
  EXPECT_THAT(machine_.Apply(next, first.get()), FailsWith(StatusCode::kUnavailable, "cut"));
  EXPECT_GT(first->manifest_bytes_sent(), 100'000U);
  const auto second = machine_.Source();
  ASSERT_THAT(machine_.Apply(next, second.get()), IsOk());
  EXPECT_EQ(Look(machine_.destination()), Look(machine_.source()));
  EXPECT_LT(second->manifest_bytes_sent(), next.manifest_index_bytes() + 40'000);
}

TEST_F(ManifestTransferTest, KeepsNothingButTheManifestsBeginningWhereCopyingEnds) {
  Stage("8.1");
  ChangeAFewFiles();
  const v1::Package next = machine_.Package("8.2");
  const auto source = machine_.Source();
  source->spoil = [&](std::string&, uint64_t sent) {
    // The pieces are found, and copying is under way.
    if (sent >= next.manifest_index_bytes()) {
      fs::resize_file(machine_.store() + "/record/manifest", next.manifest_bytes() / 2);
    }
  };
  EXPECT_THAT(machine_.Apply(next, source.get()),
              FailsWith(StatusCode::kAborted, "was cut off while it was read: run again"));
  const std::string partial = ReadAll(absl::StrCat(
      machine_.store(), "/incoming/", absl::BytesToHexString(next.manifest_sha256()), ".part"));
  EXPECT_GT(partial.size(), 50'000U);
  EXPECT_TRUE(ReadAll(machine_.source() + "/../manifest").starts_with(partial));
  Stage("8.2");
}

TEST_F(ManifestTransferTest, TakesAManifestWithoutAnIndexWhole) {
  Stage("8.1");
  ChangeAFewFiles();
  v1::Package package = machine_.Package("8.2");
  package.clear_manifest_index_bytes();
  const auto source = machine_.Source();
  ASSERT_THAT(machine_.Apply(package, source.get()), IsOk());
  EXPECT_EQ(source->manifest_bytes_sent(), package.manifest_bytes());
}

TEST_F(ManifestTransferTest, RefusesAnIndexThatIsMalformedAndPublishesNothing) {
  Stage("8.1");
  const std::string old_look = Look(machine_.destination());
  ChangeAFewFiles();
  const v1::Package package = machine_.Package("8.2");
  const auto source = machine_.Source();
  source->set_index(std::string(package.manifest_index_bytes(), '\x01'));
  EXPECT_THAT(machine_.Apply(package, source.get()),
              FailsWith(StatusCode::kInvalidArgument,
                        "manifest index: a piece of 16843009 bytes at 0: "
                        "refused, and nothing was published"));
  EXPECT_EQ(Look(machine_.destination()), old_look);
  EXPECT_LT(Stage("8.2"), package.manifest_bytes() / 10) << "with an honest source it goes on";
}

// Only the whole has a signed digest.
TEST_F(ManifestTransferTest, IsNotMisledByAnIndexOfAnotherManifest) {
  Stage("8.1");
  const std::string old_look = Look(machine_.destination());
  const std::string old_manifest = machine_.store() + "/record/manifest";
  ChangeAFewFiles();
  v1::Package package = machine_.Package("8.2");
  const auto source = machine_.Source();
  const FileDescriptor fd(open(old_manifest.c_str(), O_RDONLY | O_CLOEXEC));
  std::string index = MakeManifestIndex(fd.get()).value();
  // As long as the new one is: its last piece is made to fit.
  const uint64_t old_bytes = fs::file_size(old_manifest);
  ASSERT_NE(old_bytes, package.manifest_bytes());
  const auto pieces = ParseManifestIndex(index, old_bytes).value();
  const uint64_t last = pieces.back().length + package.manifest_bytes() - old_bytes;
  ASSERT_LE(last, 4096U) << "change another file";
  for (int i = 0; i < 4; ++i) {
    index[index.size() - 20 + static_cast<size_t>(i)] = static_cast<char>(last >> (24 - 8 * i));
  }
  source->set_index(index);
  package.set_manifest_index_bytes(index.size());
  EXPECT_THAT(machine_.Apply(package, source.get()),
              FailsWith(StatusCode::kInvalidArgument, "has not the digest in the signed command"));
  EXPECT_EQ(source->content_bytes_sent(), 0U);
  EXPECT_EQ(Look(machine_.destination()), old_look);
  Stage("8.2");
}

}  // namespace
}  // namespace bpa::executor

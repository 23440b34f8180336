// What a controller, a gateway or a line can do wrong: nothing is published, and nothing is lost.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/agent/executor/package/package_machine.h"

namespace bpa::executor {
namespace {

namespace fs = std::filesystem;
using absl::StatusCode;

constexpr uint64_t kBigBytes = 1 << 20;

// A node on which 8.1 is published, and a source that is 8.2.
class PackageFaultsTest : public testing::Test {
 protected:
  PackageFaultsTest() {
    WriteFile(machine_.In("version"), "8.1");
    EXPECT_THAT(machine_.Stage("8.1"), IsOk());
    old_look_ = Look(machine_.destination());
    fs::create_directory(machine_.In("images"));
    WriteFile(machine_.In("version"), "8.2");
    WriteFile(machine_.In("images/one.tar"), Noise(1, kBigBytes));
    WriteFile(machine_.In("images/two.tar"), Noise(2, kBigBytes));
    for (int i = 0; i < 100; ++i) WriteFile(machine_.In(absl::StrCat("small-", i)), Noise(i, 500));
    package_ = machine_.Package("8.2");
    source_ = machine_.Source();
    source_->piece_bytes = 16 * 1024;
  }

  absl::Status Apply() { return machine_.Apply(package_, source_.get()); }
  void ExpectRefused(StatusCode code, const std::string& text) {
    EXPECT_THAT(Apply(), FailsWith(code, text));
    EXPECT_EQ(Look(machine_.destination()), old_look_) << "nothing was published";
  }
  // And then it goes well, with an honest source.
  void ExpectGoesOn(uint64_t at_most_bytes) {
    source_ = machine_.Source();
    ASSERT_THAT(Apply(), IsOk());
    EXPECT_EQ(Look(machine_.destination()), Look(machine_.source()));
    EXPECT_LE(source_->content_bytes_sent(), at_most_bytes);
  }

  PackageMachine machine_;
  std::string old_look_;
  v1::Package package_;
  std::unique_ptr<PackageSource> source_;
};

TEST_F(PackageFaultsTest, RefusesAChunkWithAnotherDigestAndNamesFileAndOffset) {
  source_->spoil = [&](std::string& piece, uint64_t sent) {
    if (sent > kBigBytes + kBigBytes / 2) piece[0] ^= 1;
  };
  ExpectRefused(StatusCode::kDataLoss, "what came for 'images/two.tar' at offset ");
  ExpectGoesOn(package_.content_bytes() - kBigBytes);
}

TEST_F(PackageFaultsTest, RefusesAChunkThatDoesNotReadBackAsItWasWritten) {
  bool spoilt = false;
  source_->spoil = [&](std::string&, uint64_t sent) {
    // What was written is read again in batches of 2 MiB.
    if (spoilt || sent < package_.manifest_bytes() + kBigBytes / 2) return;
    spoilt = true;
    const std::string path = machine_.store() + "/incoming/tree/images/one.tar";
    const FileDescriptor file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(pwrite(file.get(), "X", 1, 1000), 1);
  };
  ExpectRefused(StatusCode::kDataLoss, "'images/one.tar' does not read back as it was written");
  EXPECT_TRUE(spoilt);
  ExpectGoesOn(package_.content_bytes());
}

TEST_F(PackageFaultsTest, RefusesMoreBytesThanItAskedFor) {
  source_->spoil = [&](std::string& piece, uint64_t) {
    if (piece.size() < source_->piece_bytes) piece.append("one more");
  };
  ExpectRefused(StatusCode::kInvalidArgument, "more content came than was asked for");
  ExpectGoesOn(package_.content_bytes());
}

TEST_F(PackageFaultsTest, FailsWhenFewerBytesComeThanItAskedFor) {
  source_->fails_after = package_.manifest_bytes() + kBigBytes;
  source_->failure = absl::DeadlineExceededError("nothing came for a minute");
  ExpectRefused(StatusCode::kDeadlineExceeded, "nothing came for a minute");
  ExpectGoesOn(package_.content_bytes() - kBigBytes + 64 * 1024);
}

TEST_F(PackageFaultsTest, RefusesBytesOutOfOrder) {
  source_->spoil = [&](std::string& piece, uint64_t sent) {
    if (sent >= package_.manifest_bytes() && piece.size() == source_->piece_bytes) {
      std::rotate(piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(piece.size() / 2),
                  piece.end());
    }
  };
  ExpectRefused(StatusCode::kDataLoss, "has not the digest that the signed manifest says");
  ExpectGoesOn(package_.content_bytes());
}

TEST_F(PackageFaultsTest, RefusesAManifestThatIsNotTheSignedOneBeforeParsingIt) {
  source_->spoil = [&](std::string& piece, uint64_t sent) {
    if (sent == 0) piece[40] ^= 1;
  };
  ExpectRefused(StatusCode::kInvalidArgument, "has not the digest in the signed command");
  EXPECT_EQ(source_->content_bytes_sent(), 0U);
  ExpectGoesOn(package_.content_bytes());
  EXPECT_EQ(source_->manifest_bytes_sent(), package_.manifest_bytes()) << "from its beginning";
}

TEST_F(PackageFaultsTest, RefusesAMalformedManifestThoughItsDigestIsTheSignedOne) {
  const std::string file = machine_.base() + "/malformed";
  const std::string good = ReadAll(machine_.source() + "/../manifest");
  for (const std::string& text : {std::string("BPAM"), good + "x", good.substr(0, good.size() - 5),
                                  good.substr(0, 32) + "\x09" + good.substr(33)}) {
    WriteFile(file, text);
    const bpa::Sha256 digest = DigestOf(text);
    package_.set_manifest_sha256(digest.data(), digest.size());
    package_.set_manifest_bytes(text.size());
    source_ = std::make_unique<PackageSource>(machine_.source(), file);
    ExpectRefused(StatusCode::kInvalidArgument, "manifest: at offset ");
    EXPECT_EQ(source_->content_bytes_sent(), 0U);
  }
  package_ = machine_.Package("8.2");
  ExpectGoesOn(package_.content_bytes());
}

TEST_F(PackageFaultsTest, RefusesAManifestWithOtherTotalsThanTheCommand) {
  package_.set_entries(package_.entries() + 1);
  ExpectRefused(StatusCode::kInvalidArgument, "entries");
  package_.set_entries(package_.entries() - 1);
  package_.set_content_bytes(package_.content_bytes() - 1);
  ExpectRefused(StatusCode::kInvalidArgument, "bytes of content");
}

TEST_F(PackageFaultsTest, SaysWhyTheControllerAbandonedIt) {
  source_->fails_after = package_.manifest_bytes() + 1000;
  source_->failure = absl::AbortedError("images/one.tar changed while it was read");
  ExpectRefused(StatusCode::kAborted, "images/one.tar changed while it was read");
  ExpectGoesOn(package_.content_bytes());
}

TEST_F(PackageFaultsTest, SaysWhatToUseWhenTheCommandCameWithoutContent) {
  EXPECT_THAT(machine_.Apply(package_, nullptr),
              FailsWith(StatusCode::kFailedPrecondition, "use `bpactl apply` or `bpactl stage`"));
  EXPECT_EQ(Look(machine_.destination()), old_look_);
}

TEST_F(PackageFaultsTest, GoesOnAfterTheConnectionWasLostAtAnyPoint) {
  const uint64_t all = package_.manifest_bytes() + package_.content_bytes();
  for (uint64_t lost_at = 0; lost_at < all; lost_at += all / 13) {
    fs::remove_all(machine_.store());
    fs::remove_all(machine_.destination());
    uint64_t sent = 0;
    for (const uint64_t at : {lost_at, (all - lost_at) / 2}) {
      source_ = machine_.Source();
      source_->piece_bytes = 4096;
      source_->fails_after = at;
      source_->failure = absl::UnavailableError("gone");
      EXPECT_THAT(Apply(), FailsWith(StatusCode::kUnavailable, "what has come is kept"));
      EXPECT_FALSE(fs::exists(machine_.destination()));
      sent += source_->content_bytes_sent();
    }
    source_ = machine_.Source();
    ASSERT_THAT(Apply(), IsOk());
    EXPECT_EQ(Look(machine_.destination()), Look(machine_.source()));
    sent += source_->content_bytes_sent();
    // Of each cut at most a chunk and a piece come twice.
    EXPECT_LE(sent, package_.content_bytes() + 2 * (32 + 4) * 1024) << "cut at " << lost_at;
  }
}

TEST_F(PackageFaultsTest, AsksAgainForWhatWasDamagedMeanwhileAndClearsTheWay) {
  source_->fails_after = package_.manifest_bytes() + 2 * kBigBytes + 1;
  source_->failure = absl::UnavailableError("gone");
  ExpectRefused(StatusCode::kUnavailable, "gone");
  const std::string tree = machine_.store() + "/incoming/tree/";
  Shell("printf X | dd of=" + tree + "images/one.tar bs=1 seek=5000 conv=notrunc status=none");
  WriteFile(tree + "images/extra", "x");
  fs::create_directory(tree + "version");
  fs::create_symlink("/etc/passwd", tree + "small-1");
  ExpectGoesOn(package_.content_bytes() - 2 * kBigBytes + 64 * 1024);
}

TEST_F(PackageFaultsTest, UsesWhatAnotherAbandonedVersionHadBrought) {
  source_->fails_after = package_.manifest_bytes() + 2 * kBigBytes + 1;
  source_->failure = absl::UnavailableError("gone");
  ExpectRefused(StatusCode::kUnavailable, "gone");
  WriteFile(machine_.In("version"), "8.3");
  package_ = machine_.Package("8.3");
  ExpectGoesOn(package_.content_bytes() - 2 * kBigBytes + 64 * 1024);
  EXPECT_FALSE(fs::exists(machine_.store() + "/abandoned"));
}

TEST_F(PackageFaultsTest, ShowsNothingOfATreeBeforeItIsWhole) {
  int looks = 0;
  source_->spoil = [&](std::string&, uint64_t) {
    EXPECT_EQ(Look(machine_.destination()), old_look_);
    ++looks;
  };
  source_->piece_bytes = 256 * 1024;
  EXPECT_THAT(Apply(), IsOk());
  EXPECT_GT(looks, 5);
  EXPECT_EQ(Look(machine_.destination()), Look(machine_.source()));
}

TEST_F(PackageFaultsTest, OneStagingAtATimeHoldsTheStore) {
  const Child other([&] {
    const int store = open(machine_.store().c_str(), O_RDONLY | O_DIRECTORY);
    flock(store, LOCK_EX);
  });
  ExpectRefused(StatusCode::kUnavailable, "has been locked by another process");
}

TEST_F(PackageFaultsTest, StopsWhenTheExecutorIsToEndAndGoesOnLater) {
  std::atomic<bool> stopping = false;
  source_->spoil = [&](std::string&, uint64_t sent) { stopping = sent > kBigBytes; };
  EXPECT_THAT(machine_.Apply(package_, PackageRun{.content = source_.get(), .stopping = &stopping}),
              FailsWith(StatusCode::kCancelled, "is being stopped"));
  EXPECT_EQ(Look(machine_.destination()), old_look_);
  ExpectGoesOn(package_.content_bytes() - kBigBytes / 2);
}

TEST_F(PackageFaultsTest, RefusesToGoBackToATreeThatIsNotWhatItWas) {
  package_.set_keep_previous(true);
  ASSERT_THAT(Apply(), IsOk());
  WriteFile(machine_.In("version"), "8.1");
  for (const fs::directory_entry& entry : fs::directory_iterator(machine_.source())) {
    if (entry.path().filename() != "version") fs::remove_all(entry.path());
  }
  WriteFile(machine_.store() + "/previous/tree/version", "9.9");
  const absl::StatusOr<std::optional<TreeIdentity>> kept =
      FindIdentity(OpenSite(machine_.destination()).value(), "previous/record");
  ASSERT_THAT(kept, IsOk());
  v1::Package back = package_;
  back.set_rollback(true);
  back.set_manifest_sha256((*kept)->manifest.data(), (*kept)->manifest.size());
  const std::string look = Look(machine_.destination());
  EXPECT_THAT(machine_.Apply(back, nullptr),
              FailsWith(StatusCode::kFailedPrecondition, "is not what it was: 'version' is "));
  EXPECT_EQ(Look(machine_.destination()), look);
}

}  // namespace
}  // namespace bpa::executor

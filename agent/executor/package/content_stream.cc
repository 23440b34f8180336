#include "agent/executor/package/content_stream.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"

namespace bpa::executor {
namespace {

constexpr size_t kOutstandingWants = 2;

}  // namespace

absl::StatusOr<std::string_view> ContentStream::Take(size_t count) {
  if (piece_.size() - taken_ >= count) {
    const std::string_view bytes = std::string_view(piece_).substr(taken_, count);
    taken_ += count;
    return bytes;
  }
  joined_.clear();
  while (joined_.size() < count) {
    if (taken_ == piece_.size()) {
      if (absl::Status s = Read(); !s.ok()) return s;
    }
    const size_t part = std::min(count - joined_.size(), piece_.size() - taken_);
    joined_.append(piece_, taken_, part);
    taken_ += part;
  }
  return joined_;
}

absl::Status ContentStream::Ask() {
  while (!asked_all_ && outstanding_.size() < kOutstandingWants) {
    const absl::StatusOr<std::optional<SizedWant>> next = next_();
    if (!next.ok()) return next.status();
    asked_all_ = !next->has_value();
    if (asked_all_) break;
    if (source_ == nullptr) {
      return absl::FailedPreconditionError(
          "content is missing on this node, and the command came without any: use `bpactl apply` "
          "or `bpactl stage`, which bring it");
    }
    if (absl::Status s = source_->Want((*next)->want); !s.ok()) return s;
    outstanding_.push_back((*next)->bytes);
  }
  return absl::OkStatus();
}

absl::Status ContentStream::Read() {
  if (absl::Status s = Ask(); !s.ok()) return s;
  if (outstanding_.empty()) {
    return absl::InternalError("more content was needed than had been asked for");
  }
  absl::StatusOr<std::string> piece = source_->Read();
  if (!piece.ok()) return piece.status();
  if (piece->empty()) return absl::InvalidArgumentError("an empty piece of content came");
  const uint64_t wanted = std::accumulate(outstanding_.begin(), outstanding_.end(), uint64_t{0});
  if (piece->size() > wanted) {
    return absl::InvalidArgumentError(
        absl::StrCat("more content came than was asked for: ", piece->size(), " bytes, where ",
                     wanted, " were left to come: refused"));
  }
  piece_ = *std::move(piece);
  taken_ = 0;
  received_ += piece_.size();
  for (uint64_t left = piece_.size(); left > 0;) {
    const uint64_t part = std::min(left, outstanding_.front());
    left -= part;
    outstanding_.front() -= part;
    if (outstanding_.front() == 0) outstanding_.pop_front();
  }
  // Before this piece is worked on: the line must not wait for that.
  return Ask();
}

absl::Status ContentStream::ExpectEnd() const {
  if (taken_ == piece_.size() && outstanding_.empty()) return absl::OkStatus();
  return absl::InternalError("more content was asked for than was needed");
}

}  // namespace bpa::executor

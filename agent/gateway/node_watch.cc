#include "agent/gateway/node_watch.h"

#include <malloc.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace bpa::gateway {
namespace {

absl::StatusOr<v1::NodeStatus> Parse(const absl::StatusOr<std::string>& answer) {
  if (!answer.ok()) return answer.status();
  v1::NodeStatus status;
  if (status.ParseFromString(*answer)) return status;
  return absl::InternalError("the executor's status cannot be read: are both of one release?");
}

}  // namespace

NodeWatch::NodeWatch(const Relay& relay, const WatchTimes& times)
    : relay_(relay), times_(times), random_(std::random_device()()) {}

NodeWatch::~NodeWatch() {
  stopping_ = true;
  {
    const absl::MutexLock lock(&mutex_);
    changed_.Signal();
  }
  if (thread_.joinable()) thread_.join();
}

absl::Status NodeWatch::Start() {
  if (times_.interval == absl::InfiniteDuration()) return absl::OkStatus();
  {
    const absl::MutexLock lock(&mutex_);
    next_ = absl::Now() + std::min(times_.first, times_.interval) * Between(0.0, 1.0);
  }
  try {
    thread_ = std::thread([this] { Run(); });
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no thread to watch the node: ", error.what()));
  }
  return absl::OkStatus();
}

void NodeWatch::CommandLeft() {
  const absl::MutexLock lock(&mutex_);
  next_ = std::min(next_, absl::Now() + times_.after_command);
  changed_.Signal();
}

NodeWatch::Seen NodeWatch::Last() const {
  const absl::MutexLock lock(&mutex_);
  return seen_;
}

void NodeWatch::Run() {
  while (AwaitTurn()) {
    Look();
    // What the commands before it needed is free by now, in pieces between what stays: back to the
    // system with it.
    malloc_trim(0);
  }
}

double NodeWatch::Between(double low, double high) {
  return std::uniform_real_distribution<double>(low, high)(random_);
}

bool NodeWatch::AwaitTurn() {
  const absl::MutexLock lock(&mutex_);
  while (!stopping_ && absl::Now() < next_) changed_.WaitWithDeadline(&mutex_, next_);
  return !stopping_;
}

void NodeWatch::Look() {
  const absl::StatusOr<v1::NodeStatus> status = Parse(relay_.Run(
      {.type = FrameType::kObserve, .body = ""},
      {.deadline = absl::Now() + times_.timeout, .answer = FrameType::kStatus, .cancelled = [this] {
         return stopping_.load();
       }}));
  // Busy: what was seen stays, and the command's end brings the next look.
  const bool busy = absl::IsAborted(status.status());
  const absl::MutexLock lock(&mutex_);
  next_ = absl::Now() + times_.interval * Between(0.9, 1.1);
  if (busy || stopping_) return;
  if (status.ok()) {
    ++seen_.succeeded;
    seen_.status = std::make_shared<const v1::NodeStatus>(*status);
  } else {
    ++seen_.failed;
    if (seen_.last.message() != status.status().message()) {
      spdlog::warn("observing failed: {}",
                   absl::CHexEscape(std::string(status.status().message())));
    }
  }
  seen_.last = status.status();
}

}  // namespace bpa::gateway

// Makes the Nth call of a test's machine fail, or ends the program before, in or after it.
#ifndef BPA_TESTS_FAKES_FAULTS_H_
#define BPA_TESTS_FAKES_FAULTS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace bpa::executor {

// Shared by FakeHost and FakeLedger, so that their calls are counted together. A crash is a mode in
// which each further call returns Aborted and does nothing, until Restart.
class Faults {
 public:
  enum class Kind { kNone, kFail, kCrashBefore, kCrashDuring, kCrashAfter };

  // `call` counts from 1, from the last Restart. kCrashDuring leaves a call half done where it is
  // not atomic, else done.
  void Arm(Kind kind, int call) {
    kind_ = kind;
    armed_ = call;
  }
  // What kFail returns.
  void SetFailure(absl::Status failure) { failure_ = std::move(failure); }

  // The program starts anew: no fault, no crash, counting from 1.
  void Restart() {
    kind_ = Kind::kNone;
    armed_ = 0;
    crashed_ = false;
    halved_ = false;
    log_.clear();
  }

  // Runs `body` as the next call, unless a fault says otherwise.
  template <typename Body>
  auto Call(std::string what, Body body) -> decltype(body()) {
    if (absl::Status status = Enter(std::move(what)); !status.ok()) return status;
    auto result = body();
    if (absl::Status status = Leave(); !status.ok()) return status;
    return result;
  }

  // Within a call: do half of it, the rest is lost.
  bool halved() const { return halved_; }
  bool crashed() const { return crashed_; }
  // "MakeDirectory /opt/bpa 0755", one for each call since the last Restart.
  const std::vector<std::string>& log() const { return log_; }
  int calls() const { return static_cast<int>(log_.size()); }

 private:
  static absl::Status Crashed() { return absl::AbortedError("crashed"); }
  bool Hit(Kind kind) const { return kind_ == kind && calls() == armed_; }

  absl::Status Enter(std::string what) {
    if (crashed_) return Crashed();
    log_.push_back(std::move(what));
    if (Hit(Kind::kFail)) return failure_;
    crashed_ = Hit(Kind::kCrashBefore);
    halved_ = Hit(Kind::kCrashDuring);
    return crashed_ ? Crashed() : absl::OkStatus();
  }
  absl::Status Leave() {
    crashed_ = halved_ || Hit(Kind::kCrashAfter);
    halved_ = false;
    return crashed_ ? Crashed() : absl::OkStatus();
  }

  Kind kind_ = Kind::kNone;
  int armed_ = 0;
  absl::Status failure_ = absl::InternalError("injected fault");
  bool crashed_ = false;
  bool halved_ = false;
  std::vector<std::string> log_;
};

}  // namespace bpa::executor

#endif  // BPA_TESTS_FAKES_FAULTS_H_

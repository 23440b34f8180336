// One thing of the machine that a role wants in a certain state.
#ifndef BPA_AGENT_EXECUTOR_RESOURCE_H_
#define BPA_AGENT_EXECUTOR_RESOURCE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bpa/v1/report.pb.h"
#include "bpa/v1/status.pb.h"

namespace bpa::executor {

// A difference between the machine and what is wanted; becomes a bpa.v1.Change.
struct Difference {
  std::string aspect;
  std::string before;
  std::string after;

  friend bool operator==(const Difference&, const Difference&) = default;
};

// The converger drives every resource in the same way: Observe; if it differs and the mode is
// APPLY, Converge and Observe again, and what still differs is a failure ("did not read back").
// Implementations hold no state between calls: a crash between any two loses nothing.
class Resource {
 public:
  virtual ~Resource() = default;

  virtual v1::ResourceKind kind() const = 0;
  // Mount point, path or sysctl name.
  virtual std::string name() const = 0;

  // The differences, in the order in which Converge removes them; empty when all is as wanted.
  // Changes nothing. Fails when the state cannot be told or no change may be made from it, with
  // what, where and what to do.
  virtual absl::StatusOr<std::vector<Difference>> Observe() = 0;
  // Removes all differences. Stops at the first failure; safe to call again.
  virtual absl::Status Converge() = 0;
  // Makes durable what Converge left for a later flush, of this resource and of every other of its
  // kind on the same filesystem. Called before a report says that they were changed.
  virtual absl::Status Settle() { return absl::OkStatus(); }
  // Adds to what monitoring is told, beyond differences. What cannot be told is left out.
  virtual void Measure(v1::NodeStatus& /*status*/) {}
  // Where what takes long tells how far it is, from the calling thread.
  virtual void ReportTo(const std::function<void(const v1::PackageProgress&)>& /*sink*/) {}
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_RESOURCE_H_

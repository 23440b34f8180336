#include "agent/gateway/short_request.h"

#include <algorithm>

#include "absl/time/clock.h"

namespace bpa::gateway {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(10);

}  // namespace

absl::Time Deadline(const grpc::ServerContext& context, absl::Duration at_most) {
  return std::min(absl::FromChrono(context.deadline()), absl::Now() + at_most);
}

absl::StatusOr<std::string> RelayShort(const grpc::ServerContext& context, const Frame& request,
                                       FrameType answer, const ExecutorAccess& executor) {
  const RelaySlots::Slot slot(executor.slots);
  if (absl::Status s = slot.status(); !s.ok()) return s;
  return executor.relay.Run(request, {.deadline = Deadline(context, kTimeout),
                                      .answer = answer,
                                      .cancelled = [&context] { return context.IsCancelled(); },
                                      .on_progress = nullptr,
                                      .on_want = nullptr});
}

}  // namespace bpa::gateway

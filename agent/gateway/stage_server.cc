#include "agent/gateway/stage_server.h"

#include <malloc.h>
#include <spdlog/spdlog.h>

#include <system_error>
#include <utility>

#include "agent/gateway/completion.h"

namespace bpa::gateway {

StageServer::StageServer(AgentService& service, std::unique_ptr<grpc::ServerCompletionQueue> queue,
                         const StageContext& context)
    : service_(service), queue_(std::move(queue)), context_(context) {}

StageServer::~StageServer() {
  {
    // The server's end failed what the workers wait for.
    const auto gone = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return workers_ == 0; };
    const absl::MutexLock lock(&mutex_, absl::Condition(&gone));
  }
  queue_->Shutdown();
  if (dispatcher_.joinable()) dispatcher_.join();
}

void StageServer::Start() {
  dispatcher_ = std::thread([this] { Dispatch(); });
  const absl::MutexLock lock(&mutex_);
  AddWorker();
}

void StageServer::Dispatch() {
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) static_cast<Completion*>(tag)->Happened(ok);
}

void StageServer::AddWorker() {
  try {
    std::thread([this] { Work(); }).detach();
    ++workers_;
    ++waiting_;
  } catch (const std::system_error& error) {
    // The one that would have added it waits for the next call itself when its own has ended.
    spdlog::error("no thread for another Stage call: {}", error.what());
  }
}

void StageServer::Work() {
  bool needed = true;
  while (needed) {
    StageCall call(context_);
    if (!Expect(call)) return;
    call.Run();
    // What the content went through is in pieces between what stays: back to the system with it.
    malloc_trim(0);
    needed = IsNeeded();
  }
}

bool StageServer::Expect(StageCall& call) {
  Completion arrived;
  service_.RequestStage(call.context(), call.stream(), queue_.get(), queue_.get(), &arrived);
  const bool ok = arrived.Wait();
  const absl::MutexLock lock(&mutex_);
  --waiting_;
  if (!ok) --workers_;
  if (ok && waiting_ == 0 && workers_ < kMaxStageCalls) AddWorker();
  return ok;
}

bool StageServer::IsNeeded() {
  const absl::MutexLock lock(&mutex_);
  const bool needed = waiting_ == 0;
  if (needed) ++waiting_;
  if (!needed) --workers_;
  return needed;
}

}  // namespace bpa::gateway

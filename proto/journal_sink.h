// The agents' logs: to systemd's journal where standard error is connected to it, else to standard
// error as lines of text.
#ifndef BPA_PROTO_JOURNAL_SINK_H_
#define BPA_PROTO_JOURNAL_SINK_H_

#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "proto/log_event.h"
#include "spdlog/logger.h"
#include "spdlog/sinks/base_sink.h"

namespace bpa {

// What the journal does not take goes to standard error.
class JournalSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit JournalSink(LogOrigin origin, std::string socket_path = kJournalSocket)
      : origin_(std::move(origin)), socket_path_(std::move(socket_path)) {}

  void Send(const LogEvent& event) const;

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}

 private:
  const LogOrigin origin_;
  const std::string socket_path_;
};

// A logger of its own: the journal if standard error is connected to it, else standard error with
// `pattern`, in UTC.
std::shared_ptr<spdlog::logger> MakeLogger(const LogOrigin& origin, const std::string& pattern);

// Logs the event with its fields where the journal is, and its message elsewhere.
void Log(spdlog::logger& logger, const LogEvent& event);

}  // namespace bpa

#endif  // BPA_PROTO_JOURNAL_SINK_H_

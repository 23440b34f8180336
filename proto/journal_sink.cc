#include "proto/journal_sink.h"

#include <cstdio>
#include <memory>

#include "spdlog/pattern_formatter.h"
#include "spdlog/sinks/stdout_sinks.h"

namespace bpa {
namespace {

Severity SeverityOf(spdlog::level::level_enum level) {
  if (level >= spdlog::level::err) return Severity::kError;
  return level == spdlog::level::warn ? Severity::kWarning : Severity::kInfo;
}

spdlog::level::level_enum LevelOf(Severity severity) {
  if (severity == Severity::kError) return spdlog::level::err;
  return severity == Severity::kWarning ? spdlog::level::warn : spdlog::level::info;
}

}  // namespace

void JournalSink::Send(const LogEvent& event) const {
  if (SendToJournal(socket_path_, JournalFields(event, origin_))) return;
  // With syslog's number in front, as the journal reads it from a stream.
  std::fprintf(stderr, "<%d>%s\n", static_cast<int>(event.severity), event.message.c_str());
}

void JournalSink::sink_it_(const spdlog::details::log_msg& message) {
  Send({.severity = SeverityOf(message.level),
        .message_id = {},
        .message = std::string(message.payload.data(), message.payload.size()),
        .fields = {}});
}

std::shared_ptr<spdlog::logger> MakeLogger(const LogOrigin& origin, const std::string& pattern) {
  if (StandardErrorIsTheJournal()) {
    return std::make_shared<spdlog::logger>(origin.program, std::make_shared<JournalSink>(origin));
  }
  auto logger = std::make_shared<spdlog::logger>(origin.program,
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_formatter(
      std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc));
  return logger;
}

void Log(spdlog::logger& logger, const LogEvent& event) {
  for (const spdlog::sink_ptr& sink : logger.sinks()) {
    if (const auto* const journal = dynamic_cast<const JournalSink*>(sink.get())) {
      journal->Send(event);
    } else {
      sink->log({logger.name(), LevelOf(event.severity), event.message});
    }
  }
}

}  // namespace bpa

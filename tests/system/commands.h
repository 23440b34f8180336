// Commands as bpactl makes them, for tests to spoil, and a plain client that hands any bytes to a
// node's gateway.
#ifndef BPA_TESTS_SYSTEM_COMMANDS_H_
#define BPA_TESTS_SYSTEM_COMMANDS_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <string>

#include "bpa/v1/command.pb.h"
#include "bpa/v1/report.pb.h"
#include "proto/envelope.h"
#include "tests/system/lab.h"

namespace bpa::system_test {

// For host 1 of the lab, as `bpactl apply` (or plan, verify) would make it.
v1::Command MakeCommand(const Lab& lab, v1::Mode mode);
Envelope Wrap(const v1::Command& command);
// Signed by the lab's own signer.
Envelope Signed(const Lab& lab, const v1::Command& command);
std::string Encoded(const Envelope& envelope);

struct Answer {
  grpc::Status status;
  v1::Report report;  // if status is OK: its signature is the node's
};

// Called for each progress message with the number of those before it; false cancels the call.
using OnProgress = std::function<bool(int count)>;

// One call to host 1 with the lab's own client certificate; no retries.
Answer Execute(const Lab& lab, const std::string& envelope, const OnProgress& on_progress = {});
// Sends the same bytes until a report comes, for at most a minute.
Answer ExecuteUntilReported(const Lab& lab, const std::string& envelope);
// A Describe with any client identity; says whether the gateway talks to it.
grpc::Status Describe(const Lab& lab, const controller::ClientIdentity& identity);

}  // namespace bpa::system_test

#endif  // BPA_TESTS_SYSTEM_COMMANDS_H_

#include "controller/verb.h"

#include <istream>
#include <ostream>
#include <string>

#include "absl/strings/ascii.h"

namespace bpa::controller {

int ReportError(const GlobalOptions& global, const absl::Status& status) {
  global.err << "bpactl: " << status.message() << "\n";
  return kExitUsage;
}

bool Confirm(const GlobalOptions& global, std::string_view question) {
  global.err << question << " [yes/no] " << std::flush;
  std::string answer;
  if (!std::getline(global.in, answer)) {
    global.err << "\n";
    return false;
  }
  answer = absl::AsciiStrToLower(absl::StripAsciiWhitespace(answer));
  return answer == "yes" || answer == "y";
}

}  // namespace bpa::controller

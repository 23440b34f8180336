// A command file that came from anywhere, as `bpactl sign` reads and prints it: never a control
// character on the signer's terminal.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/time/time.h"
#include "controller/command_file.h"
#include "controller/command_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto file = bpa::controller::ParseCommandFile(bytes);
  if (!file.ok()) return 0;
  const std::string text =
      bpa::controller::CommandText(file->command, absl::FromUnixSeconds(1'800'000'000));
  for (const char c : text) {
    if (absl::ascii_iscntrl(c) && c != '\n') abort();
  }
  return 0;
}

// /etc/fstab as an administrator left it: is parsed or refused, and every foreign byte stays.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/executor/fstab.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using bpa::executor::FstabEdit;
  using bpa::executor::OwnMount;
  using bpa::executor::SetOwnMount;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const OwnMount mount{.spec = "UUID=6ba7b810-9dad-41d1-80b4-00c04fd430c8",
                       .mount_point = "/opt",
                       .type = "xfs",
                       .options = "",
                       .volume = "vol-0fab1d5e3f72a5e23"};
  const absl::StatusOr<FstabEdit> edit = SetOwnMount(text, mount);
  if (!edit.ok()) return 0;
  // Taken out again, our line leaves the file as it was, but for the newline that an unfinished
  // last line needed.
  const size_t ours = edit->text.find(edit->after);
  if (ours == std::string::npos) std::abort();
  std::string without = edit->text;
  without.replace(ours, edit->after.size(), edit->before);
  if (edit->before.empty()) {
    if (!std::string_view(without).starts_with(text) || without.size() > text.size() + 1) {
      std::abort();
    }
  } else if (without != text) {
    std::abort();
  }
  const absl::StatusOr<FstabEdit> again = SetOwnMount(edit->text, mount);
  if (!again.ok() || again->text != edit->text || again->before != again->after) std::abort();
  return 0;
}

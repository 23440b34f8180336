#include "controller/sign.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controller/command_builder.h"
#include "controller/command_file.h"
#include "controller/command_text.h"
#include "controller/home.h"
#include "proto/keys.h"
#include "proto/trusted_file.h"

namespace bpa::controller {
namespace {

constexpr size_t kMaxPemBytes = 64 * 1024;
constexpr unsigned kPaeMode = 0644;

struct SignArguments {
  std::string file;
  std::string key_file;
  std::string write_file;
  std::string export_pae_file;
  std::string attach_file;
  std::string public_key_file;
  bool yes = false;
};

template <typename Key>
absl::StatusOr<Key> NamedKey(const std::string& path, const absl::StatusOr<std::string>& pem) {
  if (!pem.ok()) return pem.status();
  absl::StatusOr<Key> key = Key::FromPem(*pem);
  if (key.ok()) return key;
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", key.status().message()));
}

absl::StatusOr<PrivateKey> ReadKey(const GlobalOptions& global, const SignArguments& arguments) {
  if (arguments.key_file.empty()) return Home::Locate(global.home).ReadSigningKey();
  return NamedKey<PrivateKey>(
      arguments.key_file, ReadTrustedFile(arguments.key_file, kMaxPemBytes, FileSecrecy::kSecret));
}

absl::Status CheckFresh(const v1::Command& command, absl::Time now) {
  if (absl::FromUnixMillis(command.expires_at_unix_millis()) > now) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the command has expired and no node would take it: write it anew (`bpactl apply --write`)");
}

void ShowCommand(const GlobalOptions& global, const CommandFile& file, absl::Time now) {
  std::ostream& stream = global.json() ? global.err : global.out;
  stream << CommandText(file.command, now);
  for (const EnvelopeSignature& signature : file.envelope.signatures) {
    // Who is trusted, only the nodes know.
    stream << "Signature  by a key that calls itself " << absl::CEscape(signature.key_id) << "\n";
  }
  stream << std::flush;
}

// Writes the envelope back (or to --write) and says so.
absl::Status Finish(const GlobalOptions& global, const SignArguments& arguments,
                    const CommandFile& file, const std::string& key_id) {
  const std::string& path = arguments.write_file.empty() ? arguments.file : arguments.write_file;
  if (absl::Status status = WriteCommandFile(path, file.envelope); !status.ok()) return status;
  const size_t signatures = file.envelope.signatures.size();
  if (global.json()) {
    const nlohmann::ordered_json document = {{"command", file.command.id()},
                                             {"file", path},
                                             {"key", key_id},
                                             {"signatures", signatures}};
    global.out << document.dump(2) << "\n";
  } else {
    global.out << "signed with key " << key_id << "; " << path << " has " << signatures
               << (signatures == 1 ? " signature\n" : " signatures\n");
  }
  return absl::OkStatus();
}

absl::Status SignWithKey(const GlobalOptions& global, const SignArguments& arguments,
                         CommandFile* file) {
  const absl::Time now = absl::Now();
  if (absl::Status status = CheckFresh(file->command, now); !status.ok()) return status;
  absl::StatusOr<PrivateKey> key = ReadKey(global, arguments);
  if (!key.ok()) return key.status();
  ShowCommand(global, *file, now);
  if (!arguments.yes &&
      !Confirm(global, absl::StrCat("Sign this with key ", key->public_key().id(), "?"))) {
    return absl::CancelledError("not signed");
  }
  if (absl::Status status = SignEnvelope(*key, &file->envelope); !status.ok()) return status;
  return Finish(global, arguments, *file, key->public_key().id());
}

absl::Status ExportPae(const GlobalOptions& global, const SignArguments& arguments,
                       const CommandFile& file) {
  const std::string& path = arguments.export_pae_file;
  ShowCommand(global, file, absl::Now());
  absl::Status status = WriteFileDurably(
      path, PreAuthenticationEncoding(file.envelope.payload_type, file.envelope.payload), kPaeMode);
  if (!status.ok()) return status;
  if (global.json()) {
    const nlohmann::ordered_json document = {{"command", file.command.id()}, {"pae", path}};
    global.out << document.dump(2) << "\n";
    return absl::OkStatus();
  }
  global.out << "\n"
             << path << " holds the bytes to be signed. With an Ed25519 key:\n"
             << "  openssl pkeyutl -sign -rawin -inkey KEY -in " << path << " -out SIGNATURE\n"
             << "with an ECDSA P-256 key (SHA-256, DER, as HSMs and KMS give it):\n"
             << "  openssl dgst -sha256 -sign KEY -out SIGNATURE " << path << "\n"
             << "then\n"
             << "  bpactl sign " << arguments.file << " --attach SIGNATURE --public-key PEM\n";
  return absl::OkStatus();
}

absl::Status Attach(const GlobalOptions& global, const SignArguments& arguments,
                    CommandFile* file) {
  absl::StatusOr<PublicKey> key = NamedKey<PublicKey>(
      arguments.public_key_file, ReadUntrustedFile(arguments.public_key_file, kMaxPemBytes));
  if (!key.ok()) return key.status();
  absl::StatusOr<std::string> signature =
      ReadUntrustedFile(arguments.attach_file, kMaxSignatureBytes);
  if (!signature.ok()) return signature.status();
  absl::Status status = AttachSignature(*key, *signature, &file->envelope);
  if (absl::IsUnauthenticated(status)) {
    return absl::UnauthenticatedError(absl::StrCat(arguments.attach_file, ": ", status.message(),
                                                   "; sign what --export-pae writes"));
  }
  if (!status.ok()) return status;
  return Finish(global, arguments, *file, key->id());
}

int RunSign(const GlobalOptions& global, const SignArguments& arguments) {
  absl::StatusOr<CommandFile> file = ReadCommandFile(arguments.file);
  if (!file.ok()) return ReportError(global, file.status());
  absl::Status status;
  if (!arguments.export_pae_file.empty()) {
    status = ExportPae(global, arguments, *file);
  } else if (!arguments.attach_file.empty()) {
    status = Attach(global, arguments, &*file);
  } else {
    status = SignWithKey(global, arguments, &*file);
  }
  return status.ok() ? kExitConverged : ReportError(global, status);
}

}  // namespace

void RegisterSign(CLI::App& app, const GlobalOptions& global, int* exit_code) {
  CLI::App* verb = app.add_subcommand(
      "sign",
      "Show a command that `bpactl apply --write` put into a file, and add a signature.\n"
      "With --key it needs no home, and no network at all.");
  auto arguments = std::make_shared<SignArguments>();
  verb->add_option("FILE", arguments->file, "The command")->required()->type_name("");
  CLI::Option* key =
      verb->add_option("--key", arguments->key_file, "Private key in PEM; default: the home's")
          ->type_name("PEM");
  verb->add_option("--write", arguments->write_file, "Write there; default: back to FILE")
      ->type_name("FILE");
  verb->add_flag("--yes", arguments->yes, "Do not ask");
  CLI::Option* export_pae =
      verb->add_option("--export-pae", arguments->export_pae_file,
                       "Do not sign; write the bytes to be signed, for an HSM, a KMS or openssl")
          ->type_name("FILE")
          ->excludes(key);
  CLI::Option* attach =
      verb->add_option("--attach", arguments->attach_file,
                       "Add this signature, made elsewhere over the bytes of --export-pae")
          ->type_name("SIGNATURE")
          ->excludes(key)
          ->excludes(export_pae);
  CLI::Option* public_key = verb->add_option("--public-key", arguments->public_key_file,
                                             "The public key of --attach, in PEM")
                                ->type_name("PEM")
                                ->needs(attach);
  attach->needs(public_key);
  verb->callback([&global, exit_code, arguments] { *exit_code = RunSign(global, *arguments); });
}

}  // namespace bpa::controller

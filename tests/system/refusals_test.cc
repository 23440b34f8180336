// What a node does not do: each refusal over the whole way from the network to the root process,
// with the machine compared before and after.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controller/command_builder.h"
#include "proto/keys.h"
#include "tests/system/commands.h"
#include "tests/system/lab.h"

namespace bpa::system_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Code = grpc::StatusCode;

class RefusalTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { suite_lab() = std::make_unique<Lab>(1); }
  static void TearDownTestSuite() { suite_lab().reset(); }

  void SetUp() override { before_ = lab().Snapshot(1); }
  void TearDown() override { ExpectUnchanged(); }

  static const Lab& lab() { return *suite_lab(); }

  v1::Command Apply() const { return MakeCommand(lab(), v1::MODE_APPLY); }

  void ExpectRefused(const std::string& envelope, Code code, const std::string& message) const {
    const Answer answer = Execute(lab(), envelope);
    EXPECT_EQ(answer.status.error_code(), code) << answer.status.error_message();
    EXPECT_THAT(answer.status.error_message(), HasSubstr(message));
  }
  void ExpectRefused(const Envelope& envelope, Code code, const std::string& message) const {
    ExpectRefused(Encoded(envelope), code, message);
  }
  void ExpectRefused(const v1::Command& command, Code code, const std::string& message) const {
    ExpectRefused(Signed(lab(), command), code, message);
  }

  void ExpectUnchanged() const {
    EXPECT_EQ(Difference(before_, lab().Snapshot(1)), "") << "the machine was changed";
  }

  // `arrange` and `restore` are the test's own changes to the host, and `body` must make none.
  void With(const std::string& arrange, const std::string& restore,
            const std::function<void()>& body) {
    lab().Enter(1, arrange);
    lab().KillProgram(1, "bpa-executor");
    before_ = lab().Snapshot(1);
    body();
    ExpectUnchanged();
    lab().Enter(1, restore);
    lab().KillProgram(1, "bpa-executor");
    before_ = lab().Snapshot(1);
  }

  // The node's agent.yaml with `script` (sed) applied, for as long as `body` runs.
  void WithConfiguration(const std::string& script, const std::function<void()>& body) {
    const std::string file = "/etc/bpa-agent/agent.yaml";
    With(absl::StrCat("cp -a ", file, " /run/kept && sed -i '", script, "' ", file),
         absl::StrCat("cp -a /run/kept ", file), body);
  }

 private:
  static std::unique_ptr<Lab>& suite_lab() {
    static std::unique_ptr<Lab> lab;
    return lab;
  }

  std::string before_;
};

// --- Signatures.

TEST_F(RefusalTest, NoSignature) {
  ExpectRefused(Wrap(Apply()), Code::UNAUTHENTICATED, "no signature");
}

TEST_F(RefusalTest, AKeyThatIsNotTrusted) {
  Envelope envelope = Wrap(Apply());
  const absl::StatusOr<PrivateKey> stranger = PrivateKey::GenerateEd25519();
  ASSERT_TRUE(controller::SignEnvelope(*stranger, &envelope).ok());
  ExpectRefused(envelope, Code::UNAUTHENTICATED, "");
}

TEST_F(RefusalTest, AnAlteredPayload) {
  Envelope envelope = Signed(lab(), Apply());
  envelope.payload[envelope.payload.size() / 2] ^= 1;
  ExpectRefused(envelope, Code::UNAUTHENTICATED, "");
}

TEST_F(RefusalTest, AnAlteredType) {
  Envelope envelope = Signed(lab(), Apply());
  envelope.payload_type = kReportPayloadType;
  ExpectRefused(envelope, Code::INVALID_ARGUMENT, "");
}

TEST_F(RefusalTest, TrailingBytes) {
  ExpectRefused(Encoded(Signed(lab(), Apply())) + "x", Code::INVALID_ARGUMENT, "1 bytes too many");
}

TEST_F(RefusalTest, EveryTruncation) {
  const std::string whole = Encoded(Signed(lab(), Apply()));
  for (size_t size = 0; size < whole.size(); size += 97) {
    ExpectRefused(whole.substr(0, size), Code::INVALID_ARGUMENT, "");
  }
}

TEST_F(RefusalTest, FewerSignersThanThePolicyAsks) {
  WithConfiguration("s/apply: 1/apply: 2/", [&] {
    Envelope envelope = Signed(lab(), Apply());
    ExpectRefused(envelope, Code::PERMISSION_DENIED, "2");
    // The same key twice is still one signer.
    envelope.signatures.push_back(envelope.signatures[0]);
    ExpectRefused(envelope, Code::PERMISSION_DENIED, "2");
  });
}

TEST_F(RefusalTest, EverythingWhenNobodyIsTrusted) {
  With("mv /etc/bpa-agent/trusted-signers.d/*.pem /run/",
       "mv /run/*.pem /etc/bpa-agent/trusted-signers.d/",
       [&] { ExpectRefused(Apply(), Code::UNAUTHENTICATED, "trusted"); });
}

TEST_F(RefusalTest, EverythingWhenOthersCanWriteTheTrustedKeys) {
  With("chmod 0666 /etc/bpa-agent/trusted-signers.d/*.pem",
       "chmod 0644 /etc/bpa-agent/trusted-signers.d/*.pem",
       [&] { ExpectRefused(Apply(), Code::FAILED_PRECONDITION, "chmod"); });
}

// The command does not wait at the socket until the file is mended, either.
TEST_F(RefusalTest, EverythingWhenOthersCanWriteTheConfiguration) {
  With("chmod 0666 /etc/bpa-agent/agent.yaml", "chmod 0644 /etc/bpa-agent/agent.yaml",
       [&] { ExpectRefused(Apply(), Code::FAILED_PRECONDITION, "chmod go-w"); });
}

TEST_F(RefusalTest, EverythingWhenTheConfigurationHasAnUnknownKey) {
  WithConfiguration("s/^policy:/polisy:/", [&] {
    ExpectRefused(Apply(), Code::FAILED_PRECONDITION, "did you mean 'policy'");
  });
}

// --- Freshness and addressing.

TEST_F(RefusalTest, AnExpiredCommand) {
  v1::Command command = Apply();
  command.set_issued_at_unix_millis(absl::ToUnixMillis(absl::Now() - absl::Hours(1)));
  command.set_expires_at_unix_millis(absl::ToUnixMillis(absl::Now() - absl::Minutes(30)));
  ExpectRefused(command, Code::FAILED_PRECONDITION, "expired 30 min");
}

TEST_F(RefusalTest, ACommandFromTheFuture) {
  v1::Command command = Apply();
  command.set_issued_at_unix_millis(absl::ToUnixMillis(absl::Now() + absl::Hours(3)));
  command.set_expires_at_unix_millis(absl::ToUnixMillis(absl::Now() + absl::Hours(3.5)));
  ExpectRefused(command, Code::FAILED_PRECONDITION, "clock");
}

TEST_F(RefusalTest, ACommandThatIsValidForTooLong) {
  v1::Command command = Apply();
  command.set_expires_at_unix_millis(absl::ToUnixMillis(absl::Now() + absl::Hours(48)));
  ExpectRefused(command, Code::FAILED_PRECONDITION, "max_validity");
}

TEST_F(RefusalTest, AnotherCluster) {
  v1::Command command = Apply();
  command.set_cluster("another");
  ExpectRefused(command, Code::FAILED_PRECONDITION, "another");
}

TEST_F(RefusalTest, ANodeThatIsNotAmongTheTargets) {
  v1::Command command = Apply();
  command.mutable_targets(0)->set_node("node-9");
  ExpectRefused(command, Code::FAILED_PRECONDITION, "node-1");
}

TEST_F(RefusalTest, AnUnknownRole) {
  v1::Command command = Apply();
  command.mutable_targets(0)->set_role("bpa-node-9");
  ExpectRefused(command, Code::FAILED_PRECONDITION, "bpa-node-9");
}

TEST_F(RefusalTest, TheSameIdWithOtherBytes) {
  v1::Command command = MakeCommand(lab(), v1::MODE_PLAN);
  ASSERT_TRUE(Execute(lab(), Encoded(Signed(lab(), command))).status.ok());
  command.set_mode(v1::MODE_APPLY);
  ExpectRefused(command, Code::FAILED_PRECONDITION, command.id());
}

// --- The node's policy.

TEST_F(RefusalTest, ASysctlThatThePolicyDoesNotName) {
  v1::Command command = Apply();
  command.mutable_roles(0)->mutable_sysctls(0)->set_name("kernel.core_pattern");
  ExpectRefused(command, Code::PERMISSION_DENIED, "kernel.core_pattern");
}

TEST_F(RefusalTest, ASysctlNameThatIsAPath) {
  v1::Command command = Apply();
  command.mutable_roles(0)->mutable_sysctls(0)->set_name("vm.../kernel.core_pattern");
  ExpectRefused(command, Code::INVALID_ARGUMENT, "vm.../kernel.core_pattern");
}

TEST_F(RefusalTest, ADirectoryOutsideTheRoots) {
  v1::Command command = Apply();
  command.mutable_roles(0)->add_directories()->set_path("/etc/cron.d/mine");
  ExpectRefused(command, Code::PERMISSION_DENIED, "/etc/cron.d/mine");
}

TEST_F(RefusalTest, ADirectoryThatClimbs) {
  v1::Command command = Apply();
  command.mutable_roles(0)->add_directories()->set_path("/opt/bpa/../../etc/mine");
  ExpectRefused(command, Code::INVALID_ARGUMENT, "..");
}

TEST_F(RefusalTest, AnotherMountPoint) {
  v1::Command command = Apply();
  command.mutable_roles(0)->mutable_volumes(0)->set_mount_point("/usr");
  command.mutable_targets(0)->mutable_volumes(0)->set_mount_point("/usr");
  ExpectRefused(command, Code::PERMISSION_DENIED, "/usr");
}

TEST_F(RefusalTest, ADevicePathThatThePolicyDoesNotName) {
  v1::Command command = Apply();
  command.mutable_targets(0)->mutable_volumes(0)->set_device_path("/dev/nvme1n1");
  ExpectRefused(command, Code::PERMISSION_DENIED, "/dev/nvme1n1");
}

TEST_F(RefusalTest, AnActThatThePolicyDoesNotAllow) {
  WithConfiguration("s/allow: .*/allow: []/",
                    [&] { ExpectRefused(Apply(), Code::PERMISSION_DENIED, "apply"); });
}

TEST_F(RefusalTest, AResetThatThePolicyDoesNotAllow) {
  v1::Command command = Apply();
  command.set_reset_directories(true);
  WithConfiguration("s/allow: .*/allow: [apply, format, migrate, grow]/",
                    [&] { ExpectRefused(command, Code::PERMISSION_DENIED, "reset"); });
}

TEST_F(RefusalTest, AListOverItsLimit) {
  v1::Command command = Apply();
  for (int i = 0; i < 300; ++i) {
    command.mutable_roles(0)->add_directories()->set_path(absl::StrCat("/opt/bpa/data/d", i));
  }
  ExpectRefused(command, Code::INVALID_ARGUMENT, "256");
}

TEST_F(RefusalTest, AnEnvelopeOverItsLimit) {
  ExpectRefused(std::string(kMaxEnvelopeBytes + 1, 'x'), Code::RESOURCE_EXHAUSTED,
                absl::StrCat(kMaxEnvelopeBytes));
  // Far over, gRPC does not even take it in.
  ExpectRefused(std::string(size_t{8} << 20, 'x'), Code::RESOURCE_EXHAUSTED, "");
}

TEST_F(RefusalTest, BytesThatAreNoEnvelope) {
  ExpectRefused(std::string("\x00\xff\x00\xff", 4), Code::INVALID_ARGUMENT, "");
  ExpectRefused(std::string(kMaxEnvelopeBytes / 2, 'A'), Code::INVALID_ARGUMENT, "");
}

// --- Connections.

class ConnectionTest : public RefusalTest {
 protected:
  controller::ClientIdentity Identity() const { return *lab().home().ReadClientIdentity(); }
  void ExpectNoService(const controller::ClientIdentity& identity) const {
    EXPECT_EQ(Describe(lab(), identity).error_code(), Code::UNAVAILABLE);
    // And whoever may is served as before.
    EXPECT_TRUE(Describe(lab(), Identity()).ok());
  }
};

TEST_F(ConnectionTest, WithoutACertificate) {
  controller::ClientIdentity identity = Identity();
  identity.certificate.clear();
  identity.private_key.clear();
  ExpectNoService(identity);
}

TEST_F(ConnectionTest, WithACertificateOfAnotherAuthority) {
  const std::string home = absl::StrCat(lab().home().path(), "/another");
  MustRun(absl::StrCat("BPA_HOME=", home, " " BPA_BUILD_DIR "/controller/bpactl init ",
                       "--cluster bpa-lab node-1=10.89.7.11:7443,volume=vol-0123456789abcdef0"));
  controller::ClientIdentity identity = *controller::Home(home).ReadClientIdentity();
  identity.ca_certificate = Identity().ca_certificate;
  ExpectNoService(identity);
}

TEST_F(ConnectionTest, WithANodesCertificate) {
  const std::string tls = absl::StrCat(lab().home().path(), "/nodes/node-1/agent/tls/");
  controller::ClientIdentity identity = Identity();
  identity.certificate = MustRun(absl::StrCat("cat ", tls, "node.pem"));
  identity.private_key = MustRun(absl::StrCat("cat ", tls, "node.key"));
  ExpectNoService(identity);
}

TEST_F(ConnectionTest, WithTls12) {
  const std::string home = lab().home().path();
  const auto handshake = [&](const std::string& version) {
    return RunScript(absl::StrCat("openssl s_client -brief ", version, " -alpn h2 -connect ",
                                  lab().node(1).address, " -CAfile ", home, "/ca.pem -cert ", home,
                                  "/client.pem -key ", home, "/client.key"));
  };
  EXPECT_THAT(handshake("-tls1_3").output,
              AllOf(HasSubstr("CONNECTION ESTABLISHED"), HasSubstr("TLSv1.3")));
  const ProgramResult old = handshake("-tls1_2");
  EXPECT_NE(old.exit_code, 0) << old.output;
  EXPECT_THAT(old.output, Not(HasSubstr("CONNECTION ESTABLISHED")));
}

TEST_F(ConnectionTest, APeerOnTheSocketThatIsNotTheGateway) {
  // Root of the same host can open the socket; the executor asks the kernel who it is.
  const std::string answer =
      lab().Enter(1,
                  "python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.settimeout(10); "
                  "s.connect(\"/run/bpa-agent/executor.sock\"); print(s.recv(9999))'");
  EXPECT_THAT(answer, HasSubstr("uid 0 may not talk to the executor"));
  // Everyone else does not even get there.
  EXPECT_THAT(lab().Enter(1,
                          "setpriv --reuid=65534 --regid=65534 --clear-groups python3 -c 'import "
                          "socket; socket.socket(socket.AF_UNIX).connect(\"/run/bpa-agent/"
                          "executor.sock\")' 2>&1 || true"),
              HasSubstr("Permission denied"));
}

}  // namespace
}  // namespace bpa::system_test

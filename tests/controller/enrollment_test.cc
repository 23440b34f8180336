// bpactl, gateway and executor together: how a node becomes one of the cluster, who is kept from
// making it one, and how it gets its next certificate.
#include "controller/enrollment.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "agent/executor/node_certificate.h"
#include "bpa/v1/agent_service.grpc.pb.h"
#include "bpa/v1/enrollment.grpc.pb.h"
#include "controller/authority.h"
#include "controller/home_maker.h"
#include "controller/key_channel.h"
#include "controller/node_record.h"
#include "controller/verb.h"
#include "proto/enrollment_proof.h"
#include "tests/controller/real_node.h"
#include "tests/controller/run_bpactl.h"
#include "tests/controller/scratch.h"

namespace bpa::controller {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// A home of one node, whose secret the node knows; not enrolled.
class EnrollmentTest : public testing::Test {
 protected:
  EnrollmentTest() : home_(MakeHomeAt("home")) {
    node_ = std::make_unique<RealNode>(ReadFile(home_.path() + "/ca.pem"),
                                       ReadFile(home_.path() + "/signer.pem"));
    node_->GiveSecret(*NodeRecord(home_, "node-1").EnsureJoinSecret());
    node_->Start();
    PointAt(home_, node_->port());
  }

  Home MakeHomeAt(const std::string& name) const {
    HomeOptions options{.cluster = "bpa-test", .policy = ""};
    options.nodes.push_back(*ParseNodeArgument("node-1=127.0.0.1:1,volume=vol-01234567", 1));
    Home home(scratch_ / name);
    const auto made = MakeHome(home, options, absl::Now(), [](const std::string&) {});
    EXPECT_TRUE(made.ok()) << made.status();
    return home;
  }
  static void PointAt(const Home& home, int port) {
    std::string text = ReadFile(home.cluster_path());
    const size_t begin = text.find("127.0.0.1:") + 10;
    text.replace(begin, text.find('\n', begin) - begin, std::to_string(port));
    WriteFile(home.cluster_path(), text);
  }

  Ran Run(std::vector<std::string> arguments, const Home& home) const {
    arguments.insert(arguments.begin(), {"--home", home.path()});
    return Bpactl(std::move(arguments));
  }
  Ran Run(std::vector<std::string> arguments) const { return Run(std::move(arguments), home_); }
  // What the home knows of the node by itself.
  bool Has(const std::string& file) const {
    return std::filesystem::exists(home_.path() + "/nodes/node-1/" + file);
  }
  bool NodeHas(const std::string& file) const { return std::filesystem::exists(node_->Path(file)); }
  void ExpectNotEnrolled() const {
    EXPECT_FALSE(NodeHas("node.pem"));
    EXPECT_TRUE(NodeHas("join.secret"));
    EXPECT_TRUE(Has("join.secret"));
    EXPECT_FALSE(Has("node.pem"));
  }
  ClientIdentity Identity() const { return *home_.ReadClientIdentity(); }
  Node Target() const { return home_.ReadCluster()->nodes[0]; }

  Scratch scratch_;
  Home home_;
  std::unique_ptr<RealNode> node_;
};

TEST_F(EnrollmentTest, MakesANodeOneOfTheClusterWithoutARestart) {
  const Ran before = Run({"nodes"});
  EXPECT_EQ(before.exit_code, kExitUnreachable);

  const Ran ran = Run({"enroll"});
  EXPECT_EQ(ran.exit_code, kExitConverged) << ran.out << ran.err;
  EXPECT_EQ(ran.out, "node-1  enrolled\n");
  EXPECT_FALSE(NodeHas("join.secret"));
  EXPECT_FALSE(Has("join.secret"));
  EXPECT_EQ(ReadFile(node_->Path("node.pem")), ReadFile(home_.path() + "/nodes/node-1/node.pem"));
  EXPECT_EQ(home_.ReadReportKey("node-1")->id(),
            PrivateKey::FromPem(ReadFile(node_->Path("report.key")))->public_key().id());

  const Ran after = Run({"nodes"});
  EXPECT_EQ(after.exit_code, kExitConverged) << after.out;
}

TEST_F(EnrollmentTest, IsDoneOnceAndSaysSoTheSecondTime) {
  ASSERT_EQ(Run({"enroll"}).exit_code, kExitConverged);
  const std::string certificate = ReadFile(node_->Path("node.pem"));
  const Ran again = Run({"enroll"});
  EXPECT_EQ(again.exit_code, kExitConverged) << again.out;
  EXPECT_EQ(again.out, "node-1  is enrolled already\n");
  EXPECT_EQ(ReadFile(node_->Path("node.pem")), certificate);
}

TEST_F(EnrollmentTest, SpeaksJsonToPrograms) {
  const Ran ran = Run({"enroll", "--output", "json"});
  EXPECT_EQ(ran.exit_code, kExitConverged) << ran.out;
  EXPECT_THAT(ran.out, AllOf(HasSubstr("\"exit_code\": 0"), HasSubstr("\"state\": \"done\""),
                             HasSubstr("\"node\": \"node-1\"")));
}

TEST_F(EnrollmentTest, UntilThenNothingElseIsServed) {
  const KeyChannel channel = DialKey(Identity(), Target(), "", absl::Seconds(10));
  grpc::ClientContext rpc;
  v1::DescribeResponse response;
  const grpc::Status status =
      v1::AgentService::NewStub(channel.channel)->Describe(&rpc, {}, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(status.error_message(), "this node is not enrolled yet: bpactl enroll node-1");
}

TEST_F(EnrollmentTest, AnotherSecretIsRefusedByBpactl) {
  node_->GiveSecret(RandomBytes(kJoinSecretBytes));
  const Ran ran = Run({"enroll"});
  EXPECT_EQ(ran.exit_code, kExitRefused);
  EXPECT_THAT(ran.out, HasSubstr("it does not know the join secret"));
  ExpectNotEnrolled();
  EXPECT_FALSE(Has("report.pem"));
}

TEST_F(EnrollmentTest, AUsedSecretIsRefusedWithWhatToDo) {
  ASSERT_EQ(Run({"enroll"}).exit_code, kExitConverged);
  std::filesystem::remove(node_->Path("node.pem"));
  ASSERT_TRUE(NodeRecord(home_, "node-1").EnsureJoinSecret().ok());
  const Ran ran = Run({"enroll"});
  EXPECT_EQ(ran.exit_code, kExitRefused);
  EXPECT_THAT(ran.out, AllOf(HasSubstr("this node has no join secret"),
                             HasSubstr("bpactl user-data node-1 --rejoin --script")));
}

TEST_F(EnrollmentTest, ANodeOfAnotherAuthorityHangsUp) {
  const Home other = MakeHomeAt("other");
  PointAt(other, node_->port());
  ASSERT_TRUE(NodeRecord(other, "node-1").EnsureJoinSecret().ok());
  const Ran ran = Run({"enroll", "--connect-timeout", "5s"}, other);
  EXPECT_EQ(ran.exit_code, kExitUnreachable) << ran.out;
  EXPECT_THAT(ran.out, HasSubstr("A node of another home's authority hangs up, too"));
  ExpectNotEnrolled();
}

TEST_F(EnrollmentTest, ACertificateByAnotherAuthorityIsRefusedByTheNode) {
  // With the right client certificate, the right secret, and ca.key of somebody else.
  const Home other = MakeHomeAt("other");
  std::filesystem::copy_file(other.path() + "/ca.pem", scratch_ / "ca.pem");
  const Authority authority = *ReadAuthority(other);
  const ClientIdentity identity = Identity();
  const EnrollContext context{
      .cluster = "bpa-test", .home = home_, .authority = authority, .identity = identity};
  const EnrollResult result = EnrollNode(context, Target());
  EXPECT_EQ(result.status.code(), absl::StatusCode::kInvalidArgument) << result.status;
  EXPECT_THAT(std::string(result.status.message()), HasSubstr("not by this node's authority"));
  ExpectNotEnrolled();
}

TEST_F(EnrollmentTest, WithoutASecretInTheHomeItSaysHowToGetOne) {
  std::filesystem::remove(home_.path() + "/nodes/node-1/join.secret");
  const Ran ran = Run({"enroll"});
  EXPECT_EQ(ran.exit_code, kExitRefused);
  EXPECT_THAT(ran.out, HasSubstr("this home has no join secret for it"));
}

TEST_F(EnrollmentTest, AClockHoursBehindIsNoObstacle) {
  node_->SetClock(-absl::Hours(3));
  const Ran ran = Run({"enroll"});
  EXPECT_EQ(ran.exit_code, kExitConverged) << ran.out;
  // The gateway in this process has the right clock, and is asked last.
  EXPECT_TRUE(NodeHas("node.pem"));
}

TEST_F(EnrollmentTest, ACrashBeforeTheSecretIsRemovedIsFinished) {
  const std::string secret = **NodeRecord(home_, "node-1").ReadJoinSecret();
  ASSERT_EQ(Run({"enroll"}).exit_code, kExitConverged);
  // As if the executor had ended between its two steps, and bpactl had heard nothing.
  node_->GiveSecret(secret);
  WriteFile(home_.path() + "/nodes/node-1/join.secret", FormatJoinSecret(secret));
  chmod((home_.path() + "/nodes/node-1/join.secret").c_str(), 0600);
  std::filesystem::remove(home_.path() + "/nodes/node-1/node.pem");

  EXPECT_EQ(Run({"enroll"}).out, "node-1  is enrolled already\n");
  EXPECT_FALSE(NodeHas("join.secret"));
  EXPECT_FALSE(Has("join.secret"));
  EXPECT_EQ(ReadFile(node_->Path("node.pem")), ReadFile(home_.path() + "/nodes/node-1/node.pem"));
}

TEST_F(EnrollmentTest, AnotherReportKeyIsPinnedOnlyWhenToldTo) {
  const std::string pinned = PrivateKey::GenerateEd25519()->public_key().ToPem();
  WriteFile(home_.path() + "/nodes/node-1/report.pem", pinned);
  const Ran ran = Run({"enroll"});
  EXPECT_EQ(ran.exit_code, kExitRefused);
  EXPECT_THAT(ran.out, HasSubstr("bpactl enroll --replace node-1"));
  EXPECT_EQ(ReadFile(home_.path() + "/nodes/node-1/report.pem"), pinned);
  ExpectNotEnrolled();
  EXPECT_EQ(Run({"enroll", "--replace"}).exit_code, kExitConverged);
  const auto former = NodeRecord(home_, "node-1").ReadFormerReportKeys();
  ASSERT_EQ(former.size(), 1u);
  EXPECT_EQ(former[0].ToPem(), pinned) << "it proves the reports that are kept";
}

// --- Somebody in between, who ends bpactl's TLS with a key of its own and speaks with the node by
// itself: whatever it passes on, it has another key than the node's request.
class Proxy final : public v1::EnrollmentService::Service {
 public:
  explicit Proxy(const std::shared_ptr<grpc::Channel>& node)
      : node_(v1::EnrollmentService::NewStub(node)) {
    const PrivateKey key = *PrivateKey::GenerateEcdsaP256();
    grpc::SslServerCredentialsOptions tls(GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_BUT_DONT_VERIFY);
    tls.pem_key_cert_pairs.push_back(
        {key.ToPem(), *executor::MakeBootstrapCertificate(key, "node-1")});
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(tls), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~Proxy() override { server_->Shutdown(std::chrono::system_clock::now()); }

  int port() const { return port_; }
  int begun() const { return begun_; }
  int completed() const { return completed_; }
  // From the node, as passed on.
  const std::optional<v1::BeginEnrollmentResponse>& offer() const { return offer_; }

  grpc::Status BeginEnrollment(grpc::ServerContext*, const v1::BeginEnrollmentRequest* request,
                               v1::BeginEnrollmentResponse* response) override {
    ++begun_;
    grpc::ClientContext rpc;
    const grpc::Status status = node_->BeginEnrollment(&rpc, *request, response);
    if (status.ok()) offer_ = *response;
    return status;
  }
  grpc::Status CompleteEnrollment(grpc::ServerContext*,
                                  const v1::CompleteEnrollmentRequest* request,
                                  v1::CompleteEnrollmentResponse* response) override {
    ++completed_;
    grpc::ClientContext rpc;
    return node_->CompleteEnrollment(&rpc, *request, response);
  }

 private:
  const std::unique_ptr<v1::EnrollmentService::Stub> node_;
  std::optional<v1::BeginEnrollmentResponse> offer_;
  int begun_ = 0;
  int completed_ = 0;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(EnrollmentTest, AManInTheMiddleWithAClientCertificateIsFoundOut) {
  // The worst case: one with a certificate of the authority, so that the node talks to it.
  Proxy proxy(DialKey(Identity(), Target(), "", absl::Seconds(10)).channel);
  PointAt(home_, proxy.port());
  const Ran ran = Run({"enroll"});
  EXPECT_EQ(ran.exit_code, kExitRefused) << ran.out;
  EXPECT_THAT(ran.out, HasSubstr("SOMEBODY IS BETWEEN"));
  EXPECT_TRUE(proxy.offer().has_value());
  EXPECT_EQ(proxy.completed(), 0);
  EXPECT_FALSE(Has("report.pem"));
  ExpectNotEnrolled();
}

TEST_F(EnrollmentTest, AManInTheMiddleWithoutOneDoesNotReachTheNode) {
  ClientIdentity stranger = *MakeHomeAt("stranger").ReadClientIdentity();
  Proxy proxy(DialKey(stranger, Target(), "", absl::Seconds(10)).channel);
  PointAt(home_, proxy.port());
  const Ran ran = Run({"enroll"});
  EXPECT_EQ(ran.exit_code, kExitUnreachable) << ran.out;
  EXPECT_EQ(proxy.begun(), 1);
  EXPECT_FALSE(proxy.offer().has_value());
  ExpectNotEnrolled();
}

TEST_F(EnrollmentTest, AManInTheMiddleOfAnEnrolledNodeIsNotTakenForIt) {
  ASSERT_EQ(Run({"enroll"}).exit_code, kExitConverged);
  Proxy proxy(DialKey(Identity(), Target(), "", absl::Seconds(10)).channel);
  PointAt(home_, proxy.port());
  EXPECT_EQ(Run({"enroll"}).exit_code, kExitRefused);
  EXPECT_EQ(Run({"renew"}).exit_code, kExitUnreachable);
}

// --- Renewal.

class RenewalTest : public EnrollmentTest {
 protected:
  RenewalTest() { EXPECT_EQ(Run({"enroll"}).exit_code, kExitConverged); }

  // In place of the node's: what was issued so long ago.
  void GiveCertificateOf(absl::Duration ago) const {
    const absl::Time then = absl::Now() - ago;
    const PrivateKey key = *PrivateKey::FromPem(ReadFile(node_->Path("node.key")));
    WriteFile(node_->Path("node.pem"),
              *IssueNodeCertificate(*ReadAuthority(home_), key.public_key(), "bpa-test", Target(),
                                    {.now = then, .node_now = then}));
  }
};

TEST_F(RenewalTest, ServesTheNewCertificateWithoutARestart) {
  const std::string before = ReadFile(node_->Path("node.pem"));
  const Ran ran = Run({"renew"});
  EXPECT_EQ(ran.exit_code, kExitConverged) << ran.out << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("node-1  renewed, valid until "));
  EXPECT_NE(ReadFile(node_->Path("node.pem")), before);
  EXPECT_EQ(ReadFile(node_->Path("node.pem")), ReadFile(home_.path() + "/nodes/node-1/node.pem"));
  EXPECT_EQ(Run({"nodes"}).exit_code, kExitConverged);
}

TEST_F(RenewalTest, LeavesAloneWhatLastsLongEnough) {
  const std::string before = ReadFile(node_->Path("node.pem"));
  EXPECT_THAT(Run({"renew", "--days-left", "30"}).out, HasSubstr("still valid until"));
  EXPECT_EQ(ReadFile(node_->Path("node.pem")), before);
}

TEST_F(RenewalTest, AnExpiredCertificateIsReplacedAlsoAfterARestart) {
  GiveCertificateOf(absl::Hours(24 * 400));
  node_->Stop();
  node_->Start();
  const Ran nodes = Run({"nodes"});
  EXPECT_EQ(nodes.exit_code, kExitUnreachable);
  const Ran ran = Run({"renew"});
  EXPECT_EQ(ran.exit_code, kExitConverged) << ran.out << ran.err;
  EXPECT_EQ(Run({"nodes"}).exit_code, kExitConverged);
}

TEST_F(RenewalTest, ANodeWithAnotherKeyIsNotGivenACertificate) {
  const PrivateKey other = *PrivateKey::GenerateEcdsaP256();
  ASSERT_TRUE(NodeRecord(home_, "node-1")
                  .SaveCertificate(*executor::MakeBootstrapCertificate(other, "node-1"))
                  .ok());
  const Ran ran = Run({"renew"});
  EXPECT_EQ(ran.exit_code, kExitUnreachable);
  EXPECT_THAT(ran.out, HasSubstr("does not have the node's key"));
}

TEST_F(RenewalTest, RenewsBpactlsOwnCertificateInTimeAndSaysWhenItIsTooLate) {
  const Authority authority = *ReadAuthority(home_);
  const PrivateKey key = *PrivateKey::FromPem(ReadFile(home_.path() + "/client.key"));
  WriteFile(home_.path() + "/client.pem",
            *IssueControllerCertificate(authority, key.public_key(), "bpa-test", "bastion",
                                        absl::Now() - absl::Hours(24 * 366)));
  const Ran late = Run({"nodes"});
  EXPECT_EQ(late.exit_code, kExitUsage);
  EXPECT_THAT(late.err, AllOf(HasSubstr("client.pem expired"), HasSubstr("bpactl renew")));
  const Ran ran = Run({"renew"});
  EXPECT_EQ(ran.exit_code, kExitConverged) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("bpactl's own certificate: renewed\n"));
  EXPECT_EQ(Run({"nodes"}).exit_code, kExitConverged);
}

}  // namespace
}  // namespace bpa::controller

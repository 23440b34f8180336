// What monitoring gets from a real server.
#include "agent/gateway/monitoring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "agent/gateway/node_metrics.h"
#include "tests/agent/gateway/http_client.h"
#include "tests/agent/gateway/running_server.h"

namespace bpa::gateway {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

v1::NodeStatus NodeWithDrift() {
  v1::NodeStatus status;
  status.set_observed_at_unix_millis(1'700'000'000'500);
  status.set_duration_micros(2500);
  v1::LastApply& apply = *status.mutable_last_apply();
  apply.set_command_id("01890a5d-ac96-774b-bcce-b302099a8057");
  apply.set_at_unix_millis(1'700'000'000'000);
  apply.set_outcome(v1::OUTCOME_FAILED);
  v1::ResourceState& good = *status.add_resources();
  good.set_kind(v1::RESOURCE_KIND_SYSCTL);
  good.set_name("vm.max_map_count");
  good.set_drift(v1::DRIFT_NONE);
  v1::ResourceState& bad = *status.add_resources();
  bad.set_kind(v1::RESOURCE_KIND_DIRECTORY);
  bad.set_name("/opt/\"quoted\"\nname");
  bad.set_drift(v1::DRIFT_DIFFERS);
  bad.set_message("mode is 0700, wanted 0777");
  status.mutable_journal()->set_size_bytes(4096);
  v1::VolumeUsage& volume = *status.add_volumes();
  volume.set_mount_point("/opt");
  volume.set_size_bytes(1000);
  volume.set_available_bytes(400);
  volume.mutable_ebs()->set_read_micros(2'500'000);
  return status;
}

class MonitoringTest : public ServerFixture {
 protected:
  MonitoringTest() { config_.metrics_listen = *ParseSocketAddress("127.0.0.1:0"); }

  // An executor that answers every look with `status_`, or with `refusal_`.
  void StartWatched() {
    executor_.emplace(config_.executor_socket, [this](int fd, const Frame& request) {
      if (request.type != FrameType::kObserve) return Send(fd, FrameType::kReport, "report");
      ++looks_;
      const absl::MutexLock lock(&mutex_);
      if (refusal_.ok()) return Send(fd, FrameType::kStatus, status_.SerializeAsString());
      Send(fd, FrameType::kError, EncodeError(refusal_));
    });
    StartServer();
  }
  std::string Get(std::string_view path) { return HttpGet(server_->metrics_port(), path); }
  // Once it is there; the last page if it never is.
  std::string AwaitPage(std::string_view path, std::string_view text) {
    const absl::Time deadline = absl::Now() + absl::Seconds(60);
    std::string page = Get(path);
    while (page.find(text) == std::string::npos && absl::Now() < deadline) {
      absl::SleepFor(absl::Milliseconds(20));
      page = Get(path);
    }
    return page;
  }

  void SetRefusal(absl::Status refusal) {
    const absl::MutexLock lock(&mutex_);
    refusal_ = std::move(refusal);
  }

  absl::Mutex mutex_;
  v1::NodeStatus status_ ABSL_GUARDED_BY(mutex_) = NodeWithDrift();
  absl::Status refusal_ ABSL_GUARDED_BY(mutex_);
  std::atomic<int> looks_ = 0;
  std::optional<StandInExecutor> executor_;
};

TEST_F(MonitoringTest, TellsOfItselfWithoutAskingTheExecutor) {
  StartWatched();
  const std::string page = Get("/metrics");
  EXPECT_THAT(page, StartsWith("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; "));
  EXPECT_THAT(page, HasSubstr("\n# TYPE bpa_build_info gauge\nbpa_build_info{version=\"" BPA_VERSION
                              "\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("\nbpa_node_info{cluster=\"c\",node=\"node-1\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("\nbpa_ready 1\n"));
  EXPECT_THAT(page, HasSubstr("\nbpa_executor_reachable 1\n"));
  EXPECT_THAT(page, HasSubstr("\n# TYPE bpa_commands_total counter\n"));
  EXPECT_THAT(page, HasSubstr("\nbpa_refusals_total{reason=\"signature\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("\n# HELP bpa_certificate_expiry_timestamp_seconds "));
  EXPECT_THAT(page, Not(HasSubstr("bpa_resource_in_desired_state")));
  EXPECT_EQ(looks_, 0) << "observing is off";
}

TEST_F(MonitoringTest, ExportsWhatTheExecutorSaw) {
  config_.drift_interval = absl::Seconds(1);
  StartWatched();
  const std::string page = AwaitPage("/metrics", "bpa_observation_timestamp_seconds");
  EXPECT_THAT(page, HasSubstr("\nbpa_observation_timestamp_seconds 1700000000.5\n"));
  EXPECT_THAT(page, HasSubstr("\nbpa_resource_in_desired_state{kind=\"sysctl\","
                              "name=\"vm.max_map_count\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("\nbpa_resource_in_desired_state{kind=\"directory\","
                              "name=\"/opt/\\\"quoted\\\"\\nname\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("\nbpa_resources{state=\"differs\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("\nbpa_last_apply_timestamp_seconds 1700000000\n"));
  EXPECT_THAT(page, HasSubstr("\nbpa_last_apply_result{result=\"failed\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("\nbpa_last_apply_result{result=\"succeeded\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("\nbpa_journal_size_bytes 4096\n"));
  EXPECT_THAT(page, HasSubstr("\nbpa_volume_available_bytes{mount_point=\"/opt\"} 400\n"));
  EXPECT_THAT(page, HasSubstr("\nbpa_ebs_read_seconds_total{mount_point=\"/opt\"} 2.5\n"));
  EXPECT_THAT(page, Not(HasSubstr("wanted 0777"))) << "messages are for people, not for labels";
}

TEST_F(MonitoringTest, TellsControllersWhatTheExecutorSaw) {
  config_.drift_interval = absl::Seconds(1);
  StartWatched();
  AwaitPage("/metrics", "bpa_observation_timestamp_seconds");
  v1::DescribeResponse response;
  ASSERT_TRUE(Describe(Dial(&controller_), &response).ok());
  EXPECT_EQ(response.status().SerializeAsString(), NodeWithDrift().SerializeAsString());
}

TEST_F(MonitoringTest, LooksAgainAfterACommand) {
  config_.drift_interval = absl::Hours(10);
  StartWatched();
  AwaitPage("/metrics", "bpa_observation_timestamp_seconds");
  {
    const absl::MutexLock lock(&mutex_);
    status_.mutable_journal()->set_commands(77);
  }
  const int before = looks_;
  ASSERT_TRUE(Execute("envelope").ok());
  EXPECT_THAT(AwaitPage("/metrics", "\nbpa_journal_commands 77\n"),
              HasSubstr("\nbpa_journal_commands 77\n"));
  EXPECT_EQ(looks_, before + 1);
}

TEST_F(MonitoringTest, KeepsWhatItSawWhileTheExecutorIsBusy) {
  config_.drift_interval = absl::Seconds(1);
  StartWatched();
  AwaitPage("/metrics", "bpa_observation_timestamp_seconds");
  SetRefusal(absl::AbortedError("an apply began meanwhile"));
  const int before = looks_;
  while (looks_ < before + 2) absl::SleepFor(absl::Milliseconds(20));
  const std::string page = Get("/metrics");
  EXPECT_THAT(page, HasSubstr("\nbpa_observation_success 1\n"));
  EXPECT_THAT(page, HasSubstr("\nbpa_observations_total{result=\"failed\"} 0\n"));
}

TEST_F(MonitoringTest, SaysWhyTheNodeIsNotReady) {
  config_.drift_interval = absl::Seconds(1);
  StartWatched();
  EXPECT_THAT(Get("/readyz"), AllOf(StartsWith("HTTP/1.1 200 "), EndsWith("ready\n")));
  AwaitPage("/metrics", "bpa_observation_timestamp_seconds");
  SetRefusal(absl::FailedPreconditionError("the journal is damaged: restore it"));
  std::string page = AwaitPage("/readyz", "503 ");
  EXPECT_THAT(page, StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_THAT(page,
              HasSubstr("not ready\nthe last look at the node failed: the journal is damaged"));
  page = Get("/metrics");
  EXPECT_THAT(page, HasSubstr("\nbpa_ready 0\n"));
  EXPECT_THAT(page, HasSubstr("\nbpa_observation_success 0\n"));
  EXPECT_THAT(page, HasSubstr("\nbpa_resource_in_desired_state{")) << "what was seen last";

  executor_.reset();
  std::filesystem::remove(config_.executor_socket);
  EXPECT_THAT(Get("/readyz"), HasSubstr("executor.sock: there is no such socket: systemctl start"));
  EXPECT_THAT(Get("/metrics"), HasSubstr("\nbpa_executor_reachable 0\n"));
  EXPECT_THAT(Get("/livez"), AllOf(StartsWith("HTTP/1.1 200 "), EndsWith("ok\n")));
}

TEST_F(MonitoringTest, SaysThatTheNodeIsNotEnrolledYet) {
  // By the bootstrap certificate, which is of the same key and here by the same authority.
  std::filesystem::rename(config_.certificate, scratch_.Path("bootstrap.pem"));
  StartWatched();
  const std::string page = Get("/readyz");
  EXPECT_THAT(page, StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_THAT(page, HasSubstr("this node is not enrolled yet: bpactl enroll node-1\n"));
  EXPECT_EQ(server_->StatusLine(),
            "Not ready: this node is not enrolled yet: bpactl enroll node-1");

  std::filesystem::rename(scratch_.Path("bootstrap.pem"), config_.certificate);
  // A connection makes it look at its files again.
  EXPECT_TRUE(Describe(Dial(&controller_)).ok());
  EXPECT_THAT(Get("/readyz"), AllOf(StartsWith("HTTP/1.1 200 "), EndsWith("ready\n")));
  EXPECT_EQ(server_->StatusLine(), "Serving");
}

TEST_F(MonitoringTest, HasNothingElse) {
  StartWatched();
  EXPECT_THAT(Get("/"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Get("/metrics/"), StartsWith("HTTP/1.1 404 "));
}

TEST_F(MonitoringTest, BoundsTheSeriesWhateverTheRoleNames) {
  v1::NodeStatus status = NodeWithDrift();
  for (int i = 0; i < 1000; ++i) {
    v1::ResourceState& state = *status.add_resources();
    state.set_kind(v1::RESOURCE_KIND_DIRECTORY);
    state.set_name(absl::StrCat("/opt/", i));
  }
  Exposition page;
  AddNodeMetrics(status, page);
  const std::string text = page.Render();
  size_t series = 0;
  for (size_t at = 0; (at = text.find("bpa_resource_in_desired_state{", at)) != std::string::npos;
       ++at) {
    ++series;
  }
  EXPECT_EQ(series, static_cast<size_t>(kMaxResourceSeries));
  EXPECT_THAT(text, HasSubstr("\nbpa_resource_series_omitted 802\n"));
  EXPECT_THAT(text, HasSubstr("\nbpa_resources{state=\"unknown\"} 0\n"));
}

TEST_F(MonitoringTest, ServesCommandsThoughItsAddressIsTaken) {
  StartWatched();
  config_.metrics_listen = *ParseSocketAddress(absl::StrCat("127.0.0.1:", server_->metrics_port()));
  auto second = Server::Start(config_);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ((*second)->metrics_port(), 0);
  EXPECT_NE((*second)->port(), 0);
}

TEST_F(MonitoringTest, IsNotServedWhenItIsOff) {
  config_.metrics_listen.reset();
  StartWatched();
  EXPECT_EQ(server_->metrics_port(), 0);
  EXPECT_TRUE(Execute("envelope").ok());
}

TEST_F(MonitoringTest, DoesNotDisturbCommandsWhenItIsFlooded) {
  StartWatched();
  std::vector<std::unique_ptr<HttpClient>> flood;
  for (int i = 0; i < 300; ++i) {
    flood.push_back(std::make_unique<HttpClient>(server_->metrics_port()));
    flood.back()->Send(i % 2 == 0 ? "GET /metrics HTTP/1.1\r\n\r\n" : "\x16garbage");
    if (i % 30 == 0) {
      EXPECT_TRUE(Execute("envelope").ok());
    }
  }
  EXPECT_TRUE(Execute("envelope").ok());
  EXPECT_THAT(Get("/livez"), StartsWith("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace bpa::gateway

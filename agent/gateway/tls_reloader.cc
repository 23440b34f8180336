#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <array>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "agent/gateway/tls.h"

namespace bpa::gateway {
namespace {

// What changes when a file is replaced or rewritten.
using FileStamp = std::tuple<dev_t, ino_t, off_t, time_t, long>;
using Stamps = std::array<FileStamp, 4>;

FileStamp StampOf(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return {};
  return {info.st_dev, info.st_ino, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
}

class Reloader final : public TlsReloader, public std::enable_shared_from_this<Reloader> {
 public:
  Reloader(TlsFiles files, std::string expected_uri)
      : files_(std::move(files)), expected_uri_(std::move(expected_uri)) {}

  absl::Status Open() {
    absl::MutexLock lock(&mutex_);
    stamps_ = CurrentStamps();
    absl::StatusOr<TlsMaterial> material = LoadTlsMaterial(files_, expected_uri_);
    if (!material.ok()) return material.status();
    if (!material->enrolled) {
      spdlog::warn("this node is not enrolled yet: on the bastion, bpactl enroll");
    } else if (!material->validity.Contains(absl::Now())) {
      spdlog::error(
          "tls: {} is valid from {} to {}, and this node's clock says {}: set the clock, or run "
          "`bpactl renew` on the bastion",
          files_.certificate, absl::FormatTime(material->validity.from),
          absl::FormatTime(material->validity.until), absl::FormatTime(absl::Now()));
    }
    Take(*std::move(material));
    return absl::OkStatus();
  }

  absl::Time expires() const override {
    absl::MutexLock lock(&mutex_);
    return validity_.until;
  }

  bool enrolled() const override {
    absl::MutexLock lock(&mutex_);
    return enrolled_;
  }

  std::shared_ptr<grpc::ServerCredentials> MakeCredentials() override;

  // gRPC asks before each handshake; the caller owns the result.
  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    std::optional<TlsMaterial> material = static_cast<Reloader*>(self)->TakePending();
    if (!material) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const grpc_ssl_pem_key_cert_pair pair{.private_key = material->key.c_str(),
                                          .cert_chain = material->certificate.c_str()};
    *config = grpc_ssl_server_certificate_config_create(material->ca.c_str(), &pair, 1);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

 private:
  Stamps CurrentStamps() const {
    return {StampOf(files_.ca), StampOf(files_.certificate), StampOf(files_.bootstrap),
            StampOf(files_.key)};
  }

  void Take(TlsMaterial material) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    validity_ = material.validity;
    enrolled_ = material.enrolled;
    pending_ = std::move(material);
  }

  // One that is not valid now does not take the place of one that is.
  absl::Status CheckMayReplace(const TlsMaterial& material) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const absl::Time now = absl::Now();
    if (material.validity.Contains(now) || !validity_.Contains(now)) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat(files_.certificate, ": valid from ", absl::FormatTime(material.validity.from),
                     " to ", absl::FormatTime(material.validity.until), ", not now"));
  }

  std::optional<TlsMaterial> TakePending() {
    absl::MutexLock lock(&mutex_);
    // The stamps from before reading: a change while reading is seen the next time.
    if (const Stamps now = CurrentStamps(); now != stamps_) {
      stamps_ = now;
      absl::StatusOr<TlsMaterial> material = LoadTlsMaterial(files_, expected_uri_);
      if (absl::Status fit = material.ok() ? CheckMayReplace(*material) : material.status();
          fit.ok()) {
        spdlog::info("tls: certificate {}, expires {}", enrolled_ ? "reloaded" : "received",
                     absl::FormatTime(material->validity.until));
        Take(*std::move(material));
      } else {
        spdlog::warn("tls: changed files not taken, the old certificate stays: {}",
                     std::string(fit.message()));
      }
    }
    return std::exchange(pending_, std::nullopt);
  }

  const TlsFiles files_;
  const std::string expected_uri_;
  mutable absl::Mutex mutex_;
  Stamps stamps_ ABSL_GUARDED_BY(mutex_);
  Validity validity_ ABSL_GUARDED_BY(mutex_);
  bool enrolled_ ABSL_GUARDED_BY(mutex_) = false;
  // Loaded, not yet given to gRPC.
  std::optional<TlsMaterial> pending_ ABSL_GUARDED_BY(mutex_);
};

// gRPC's C interface can ask for certificates anew; its C++ interface has only a watcher with a
// thread and a timer.
class ReloadingCredentials final : public grpc::ServerCredentials {
 public:
  explicit ReloadingCredentials(std::shared_ptr<Reloader> reloader)
      : reloader_(std::move(reloader)),
        credentials_(grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(
                GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY, &Reloader::Fetch,
                reloader_.get()))) {}
  ~ReloadingCredentials() override { grpc_server_credentials_release(credentials_); }
  ReloadingCredentials(const ReloadingCredentials&) = delete;
  ReloadingCredentials& operator=(const ReloadingCredentials&) = delete;

  // Peers are told apart by certificate, never by metadata.
  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  const std::shared_ptr<Reloader> reloader_;
  grpc_server_credentials* const credentials_;
};

std::shared_ptr<grpc::ServerCredentials> Reloader::MakeCredentials() {
  return std::make_shared<ReloadingCredentials>(shared_from_this());
}

}  // namespace

absl::StatusOr<std::shared_ptr<TlsReloader>> OpenTls(const TlsFiles& files,
                                                     const std::string& expected_uri) {
  auto reloader = std::make_shared<Reloader>(files, expected_uri);
  if (absl::Status s = reloader->Open(); !s.ok()) return s;
  return reloader;
}

}  // namespace bpa::gateway

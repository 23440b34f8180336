// The manifests that the controller's home keeps.
//
//   packages/hashes.db          how source files were cut and hashed
//   packages/<sha256>.manifest  what was made lately
//   packages/<sha256>.source    the directory that it was made from
#ifndef BPA_CONTROLLER_STAGING_PACKAGE_STORE_H_
#define BPA_CONTROLLER_STAGING_PACKAGE_STORE_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bpa/v1/command.pb.h"
#include "controller/packages.h"
#include "controller/staging/hash_cache.h"
#include "controller/staging/manifest_maker.h"
#include "controller/staging/source_reader.h"

namespace bpa::controller {

class PackageStore {
 public:
  // `home` must exist.
  static absl::StatusOr<std::unique_ptr<PackageStore>> Open(const std::string& home);

  // Makes and keeps the manifest of the source; returns its package with what the manifest says.
  // Errors as of MakeManifest.
  absl::StatusOr<v1::Package> Make(const PackageSource& source,
                                   std::function<void(const MakingProgress&)> progressed,
                                   const std::atomic<bool>& stop);

  // The manifest with this digest and the tree that it was made from. NotFound if it is not kept
  // here or no longer.
  absl::StatusOr<PackageContent> Content(std::string_view manifest_sha256) const;

 private:
  PackageStore(std::string directory, std::unique_ptr<HashCache> cache)
      : directory_(std::move(directory)), cache_(std::move(cache)) {}

  std::string PathOf(std::string_view digest, const char* suffix) const;
  absl::Status Keep(const std::string& made, std::string_view digest,
                    const std::string& source) const;
  void RemoveOld() const;

  const std::string directory_;
  const std::unique_ptr<HashCache> cache_;
};

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_STAGING_PACKAGE_STORE_H_

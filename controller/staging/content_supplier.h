// What a node is sent while it receives packages: where the fleet's sending and the reading of the
// source meet.
#ifndef BPA_CONTROLLER_STAGING_CONTENT_SUPPLIER_H_
#define BPA_CONTROLLER_STAGING_CONTENT_SUPPLIER_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bpa/v1/content.pb.h"

namespace bpa::controller {

// At most so many bytes in one StageRequest.content.
inline constexpr size_t kMaxContentPieceBytes = 256 * 1024;

// The answers to one node's wants on one connection. A new attempt opens a new stream: what the
// node still lacks it says itself.
class ContentStream {
 public:
  virtual ~ContentStream() = default;

  // Queues what the node asks for, behind what it asked for before. InvalidArgument when it asks
  // for what no package of this run has, out of order, or before the earlier wants were answered
  // (two may wait): a node that is not of this release, or not honest.
  virtual absl::Status Want(const v1::Want& want) = 0;

  // The next bytes of what was wanted, at most kMaxContentPieceBytes; empty when all of it has been
  // returned. May read from disk. An error is what the node and the operator are to be told: the
  // stream has ended with it (send StageRequest.abandoned with its message).
  virtual absl::StatusOr<std::string> Next() = 0;

  // Whether Next would read on in the source and let go of what a slower node has yet to take:
  // better wait, so that one read serves both. Not for a node that has not moved for a while.
  virtual bool IsAhead() const { return false; }
};

// The content of all packages of one command. It and its streams are for one thread, so that a
// chunk which one node was just sent is still at hand for the next.
class ContentSupplier {
 public:
  virtual ~ContentSupplier() = default;

  // The streams must not outlive the supplier.
  virtual std::unique_ptr<ContentStream> Open() = 0;
};

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_STAGING_CONTENT_SUPPLIER_H_

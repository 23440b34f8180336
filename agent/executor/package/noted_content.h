// Remembers whether content stopped coming.
#ifndef BPA_AGENT_EXECUTOR_PACKAGE_NOTED_CONTENT_H_
#define BPA_AGENT_EXECUTOR_PACKAGE_NOTED_CONTENT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor/package/content_source.h"

namespace bpa::executor {

// A resource that failed because bpactl is gone has not failed as one whose disk is full has: the
// command is not over. This tells the two apart without a word between resource and executor.
class NotedContent : public ContentSource {
 public:
  // `content` must outlive this; null only if nobody calls.
  explicit NotedContent(ContentSource* content) : content_(content) {}

  absl::Status Want(const v1::Want& want) override;
  absl::StatusOr<std::string> Read() override;

  // Whether the connection ended or fell silent.
  bool lost() const { return lost_; }

 private:
  void Note(const absl::Status& status);

  ContentSource* const content_;
  bool lost_ = false;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_PACKAGE_NOTED_CONTENT_H_

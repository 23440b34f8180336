#include "agent/executor/package/noted_content.h"

namespace bpa::executor {

absl::Status NotedContent::Want(const v1::Want& want) {
  absl::Status status = content_->Want(want);
  Note(status);
  return status;
}

absl::StatusOr<std::string> NotedContent::Read() {
  absl::StatusOr<std::string> content = content_->Read();
  Note(content.status());
  return content;
}

void NotedContent::Note(const absl::Status& status) {
  if (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) lost_ = true;
}

}  // namespace bpa::executor

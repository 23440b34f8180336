// What a tree and a volume have in common, and what the volume lacks.
#ifndef BPA_AGENT_EXECUTOR_LINUX_MIGRATION_SURVEY_H_
#define BPA_AGENT_EXECUTOR_LINUX_MIGRATION_SURVEY_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "agent/executor/host.h"

namespace bpa::executor {

// Where files are made before they get their names; directly below the volume's root.
inline constexpr const char* kStagingName = ".bpa-migrate";

struct MigrationSurvey {
  Migration migration;           // what is lacking, and the conflicts
  uint64_t allocated_bytes = 0;  // room that the lacking files take, sparse as they are
};

// Compares every entry of the directory `source` with the volume whose root is `volume`, byte by
// byte. What is only on the volume does not matter. FailedPrecondition at what cannot be migrated:
// a mount point, a socket (without the process that listens on it, a copy is worth nothing), a name
// that is ours. `shown` is the source's path.
absl::StatusOr<MigrationSurvey> SurveyMigration(int source, int volume, const std::string& shown);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_LINUX_MIGRATION_SURVEY_H_

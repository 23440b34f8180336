// SQLite for the executor: what both sides use.
#ifndef BPA_AGENT_EXECUTOR_SQLITE_H_
#define BPA_AGENT_EXECUTOR_SQLITE_H_

#include "proto/sqlite.h"

#endif  // BPA_AGENT_EXECUTOR_SQLITE_H_

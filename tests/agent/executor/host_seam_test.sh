#!/usr/bin/env bash
# The executor reaches files, disks and mounts through agent/executor/host.h alone: only its
# implementation below agent/executor/linux includes the headers of those system calls.
set -euo pipefail
cd "$(dirname "$0")/../../../agent/executor"

headers='sys/mount\.h|sys/stat\.h|sys/statfs\.h|sys/vfs\.h|sys/ioctl\.h|sys/xattr\.h|fcntl\.h'
headers+='|linux/[a-z0-9_]*\.h|dirent\.h|blkid/|libmount/|filesystem>|fstream>'
# Packages are trees of any size, read and written through descriptors: no machine in memory stands in
# for that, so package/ is tested on real filesystems.
# The journal opens its own file, and the server sets a flag of its own socket: neither is the machine
# that commands change.
found=$(grep -rnE "#include <($headers)" --include='*.cc' --include='*.h' . |
  grep -vE '^\./(linux/|package/|journal_file\.cc|server\.cc)' || true)
if [ -n "$found" ]; then
  echo "These go around host.h:"
  echo "$found"
  exit 1
fi
if ! grep -rqE '#include <fcntl\.h>' linux/; then
  echo "linux/ includes nothing of the kind: this check looks in the wrong place"
  exit 1
fi

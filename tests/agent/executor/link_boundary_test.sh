#!/usr/bin/env bash
# No TLS, HTTP/2 or gRPC enters the root process, and bytes become a command in one place only.
# usage: link_boundary_test.sh BPA_EXECUTOR SOURCE_DIR
set -euo pipefail

executor=$1
source_dir=$2
failed=0

fail() {
  echo "FAILED: $*" >&2
  failed=1
}

# Every library that the program loads, its libraries' libraries included.
if loaded=$(ldd "$executor" | grep -E 'lib(grpc|gpr|ssl|cares|address_sorting|re2)\b'); then
  fail "the executor loads: $loaded"
fi

# What was linked in statically shows by its symbols; a stripped program would pass whatever it
# contained.
symbols=$(nm "$executor" | awk '{print $NF}')
grep -q 'ParseCommand' <<<"$symbols" || fail "no symbols: cannot tell what $executor contains"
for pattern in 'grpc_' '_ZN4grpc' 'SSL_new' 'SSL_read' 'SSL_connect' 'ares_init' \
  'ares_getaddrinfo' 'nghttp2_' 'getaddrinfo'; do
  if grep -q -E "^${pattern}" <<<"$symbols"; then fail "the executor contains $pattern"; fi
done

# But for the journal, which reads back what it wrote itself once a command was verified.
parsers=$(grep -rnE 'Parse(Partial)?From|MergeFrom(String|Array|Coded)' \
  "$source_dir/agent/executor" --include='*.cc' --include='*.h' |
  grep -vE '/journal\.cc:.*found->(role|target)\.ParseFromString\(row\.Bytes')
if [ "$(wc -l <<<"$parsers")" -ne 1 ] || ! grep -q '/command\.cc:.*ParseFromString' <<<"$parsers"; then
  fail "exactly one ParseFromString is allowed in agent/executor, in command.cc, beside the journal; found:"$'\n'"$parsers"
fi

lines=$(wc -l <"$source_dir/agent/executor/main.cc")
[ "$lines" -le 60 ] || fail "agent/executor/main.cc has $lines lines; at most 60"

exit "$failed"

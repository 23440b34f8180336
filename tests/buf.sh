#!/usr/bin/env bash
# Holds the schema to buf's rules: its style, and that no message of the last release is read
# differently. The comparison is with proto/baseline.binpb and not with git: a shallow clone has no
# history.
#
#   tests/buf.sh          check
#   tests/buf.sh renew    make a new baseline; part of a release and of nothing else
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=1.75.0
tools=build/buf
buf=$tools/node_modules/.bin/buf
baseline=proto/baseline.binpb

if [[ $("$buf" --version 2>/dev/null || true) != "$version" ]]; then
  mkdir -p "$tools"
  npm install --prefix "$tools" --no-save --no-package-lock --no-audit --no-fund --loglevel=error \
    "@bufbuild/buf@$version"
fi

if [[ ${1:-} == renew ]]; then
  "$buf" build proto --exclude-source-info -o "$baseline"
  exit
fi

"$buf" lint proto
"$buf" breaking proto --against "$baseline"

# The check itself, on a copy in which one field has got another number.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r proto/buf.yaml proto/bpa "$copy"
sed -i 's/string cluster = 2;/string cluster = 102;/' "$copy/bpa/v1/command.proto"
if cmp -s proto/bpa/v1/command.proto "$copy/bpa/v1/command.proto"; then
  echo "tests/buf.sh: command.proto no longer has the field that this test breaks" >&2
  exit 1
fi
if found=$("$buf" breaking "$copy" --against "$baseline"); then
  echo "tests/buf.sh: buf breaking let a changed field number pass" >&2
  exit 1
fi
# For this reason and for no other, such as a baseline that it could not read.
grep -q '"2" with name "cluster" on message "Command"' <<<"$found"
echo "lint and breaking: nothing to complain about; a broken copy was refused"

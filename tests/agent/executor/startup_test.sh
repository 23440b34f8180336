#!/usr/bin/env bash
# The command line of bpa-executor, and what it says when it is started wrongly.
# usage: startup_test.sh BPA_EXECUTOR
set -euo pipefail

executor=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0

# expect STATUS PATTERN ARGUMENT...: runs the executor and checks both.
expect() {
  local want=$1 pattern=$2 status=0 output
  shift 2
  output=$(timeout 20 "$executor" "$@" 2>&1 </dev/null) || status=$?
  if [ "$status" -ne "$want" ] || ! grep -qE -- "$pattern" <<<"$output"; then
    echo "FAILED: bpa-executor $*: expected status $want and '$pattern', got $status:" >&2
    echo "$output" >&2
    failed=1
  fi
}

expect 0 '^bpa-executor [0-9]+\.[0-9]+\.[0-9]+$' --version
expect 0 'usage: bpa-executor' --help
expect 1 '--nonsense: unknown option' --nonsense
expect 1 '--config: needs a value' --config
expect 1 'surplus: unexpected' surplus

config=$dir/agent.yaml
expect 1 "$config: No such file" --config "$config" --check-config
cat >"$config" <<YAML
cluster: bpa-test
node: node-1
executor:
  gateway_user: root
  trusted_signers: $dir/signers
  report_key: $dir/report.key
  state: $dir/state
policy:
  allow: [apply]
YAML
chmod 0644 "$config"
expect 1 "$dir/signers" --config "$config" --check-config
mkdir -m 0755 "$dir/signers"
expect 1 'holds no key' --config "$config" --check-config
openssl genpkey -algorithm ed25519 -out "$dir/signer.key" 2>/dev/null
openssl pkey -in "$dir/signer.key" -pubout -out "$dir/signers/alice.pem"
chmod 0644 "$dir/signers/alice.pem"
expect 1 'report_key' --config "$config" --check-config
(umask 077 && openssl genpkey -algorithm ed25519 -out "$dir/report.key" 2>/dev/null)
expect 0 '^ok$' --config "$config" --check-config
[ ! -e "$dir/state" ] || { echo "FAILED: --check-config made the state directory" >&2; failed=1; }
chmod 0666 "$dir/signers/alice.pem"
expect 1 'alice.pem.*chmod' --config "$config" --check-config
chmod 0644 "$dir/signers/alice.pem"
chmod 0666 "$config"
expect 1 'agent.yaml.*chmod' --config "$config" --check-config
chmod 0644 "$config"

# Not started by its socket.
expect 1 'exactly one listening socket.*bpa-executor.socket' --config "$config"

sed -i 's/^node:/nodes:/' "$config"
expect 1 "agent.yaml:2:.*did you mean 'node'" --config "$config" --check-config

exit "$failed"

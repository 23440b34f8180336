#!/usr/bin/env bash
# packaging/quickstart.sh as people use it: interrupted midway, kept, used with its `env`, taken down.
# Usage: quickstart_test.sh     Needs root and the release build, which quickstart.sh makes else. In a
# place of its own and with names of its own: hosts that somebody keeps are left alone.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
unset BPA_LAB_BUILD BPA_LAB_HOSTS BPA_HOME
work=$top/build/quickstart-test
export BPA_QUICKSTART_DIR=$work BPA_LAB_PREFIX=bpa-qs- BPA_LAB_SUBNET=10.89.6 BPA_LAB_DIR=$work/hosts
log=$top/build/quickstart-test.log
sysctl_file=/proc/sys/vm/max_map_count

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  tail -n 40 "$log" >&2
  exit 1
}

# What quickstart.sh makes on this machine, whole or in part.
remains() {
  ip netns list | grep "^$BPA_LAB_PREFIX" || true
  ip -o link show | grep -o "${BPA_LAB_PREFIX}[^:@]*" || true
  losetup --list --noheadings --output NAME,BACK-FILE | grep "$work" || true
  ls -d "$work"/{hosts,home,env,plan,max_map_count} 2>/dev/null || true
}
expect_nothing_left() {
  [[ -z $(remains) ]] || fail "after $1 there is still:" "$(remains)"
  [[ $(<"$sysctl_file") == "$map_count" ]] ||
    fail "after $1 vm.max_map_count is $(<"$sysctl_file") and was $map_count"
}

on_exit() {
  local code=$?
  trap - EXIT INT TERM
  [[ -z ${running:-} ]] || kill -KILL -- "-$running" 2>/dev/null || true
  "$top/packaging/quickstart.sh" --down >/dev/null || code=1
  echo "$before" >"$sysctl_file"
  exit "$code"
}

# Starts it in a process group of its own, as a terminal does, and waits until it says LINE.
start_and_await() {
  : >"$log"
  set -m
  "$top/packaging/quickstart.sh" >"$log" 2>&1 </dev/null &
  running=$!
  set +m
  local i
  for ((i = 0; i < 6000; i++)); do
    ! grep -q "$1" "$log" || return 0
    kill -0 "$running" 2>/dev/null || fail "quickstart.sh ended before it said '$1'"
    sleep 0.1
  done
  fail "quickstart.sh did not say '$1' in ten minutes"
}

# interrupt SIGNAL CODE LINE: at LINE, as Ctrl-C (or a closed terminal) would.
interrupt() {
  local code=0
  start_and_await "$3"
  kill "-$1" -- "-$running"
  wait "$running" || code=$?
  running=
  [[ $code -eq $2 ]] || fail "interrupted by SIG$1 at '$3' it exited with $code, not $2"
  expect_nothing_left "SIG$1 at '$3'"
  echo "ok: SIG$1 at '$3' leaves nothing"
}

before=$(<"$sysctl_file")
trap on_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
"$top/packaging/quickstart.sh" --down >/dev/null
# Another value than the one that quickstart.sh sets: putting it back must show.
map_count=70001
echo "$map_count" >"$sysctl_file"

interrupt INT 130 '== Make four hosts'
interrupt TERM 143 '== bpactl init'

"$top/packaging/quickstart.sh" --keep >"$log" 2>&1 </dev/null || fail "quickstart.sh --keep exited with $?"
grep -q '^All 4 hosts are as promised\.$' "$log" || fail "it does not say that all is as promised"
for n in 1 2 3 4; do
  comms=$(for pid in $(ip netns pids "$BPA_LAB_PREFIX$n"); do cat "/proc/$pid/comm"; done)
  grep -qx bpa-gateway <<<"$comms" || fail "no gateway runs in $BPA_LAB_PREFIX$n: $comms"
done
# In a directory and an environment of somebody else's.
# shellcheck disable=SC2016  # the inner shell expands it
verified=$(cd / && env -i PATH="$PATH" HOME=/nonexistent \
  bash -euc '. "$1/env" && bpactl verify' - "$work" 2>&1) || fail "bpactl verify, as it stands: $verified"
echo "ok: --keep leaves hosts that bpactl verifies"

"$top/packaging/quickstart.sh" --keep >"$log" 2>&1 </dev/null || fail "a second --keep exited with $?"
[[ $(<"$work/max_map_count") == "$map_count" ]] || fail "a second --keep forgot what vm.max_map_count was"
echo "ok: --keep again begins anew"

"$top/packaging/quickstart.sh" --down >"$log" 2>&1 || fail "quickstart.sh --down exited with $?"
expect_nothing_left "--down"
"$top/packaging/quickstart.sh" --down >"$log" 2>&1 || fail "--down with nothing there exited with $?"
echo "ok: --down removes everything, and again"

# What the README names.
# shellcheck disable=SC2016  # the inner shell expands it
first=$(env -u BPA_LAB_PREFIX bash -euc '. "$1/packaging/lab/hosts.sh" && lab_name 1' - "$top")
[[ $first == bpa-node-1 ]] || fail "without settings the first host is called '$first'"

#!/usr/bin/env bash
# Measures bpactl against Ansible and against ssh, on the same four lab hosts in one run, and the
# agent's footprint; prints the tables that README shows. Exits 1 if a target is missed.
#
# Needs root and a release build (packaging/quickstart.sh makes one). BPA_BENCH_RUNS: how often
# bpactl is timed (default 15); ssh is timed a third as often, Ansible a fifth. Each figure is a
# median.
set -uo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${BPA_LAB_PREFIX:=bpa-bench-}" "${BPA_LAB_SUBNET:=10.89.2}" "${BPA_LAB_DIR:=$top/build/bench}"
# shellcheck source=packaging/lab/hosts.sh
. "$top/packaging/lab/hosts.sh"
# shellcheck source=packaging/lab/evidence.sh
. "$top/packaging/lab/evidence.sh"
# shellcheck source=packaging/lab/cluster.sh
. "$top/packaging/lab/cluster.sh"
# shellcheck source=tests/bench/baselines.sh
. "$top/tests/bench/baselines.sh"

runs=${BPA_BENCH_RUNS:-15}
bpactl=$BPA_LAB_BUILD/controller/bpactl
export BPA_HOME=$BPA_LAB_DIR/home
log=$BPA_LAB_DIR.log
# shellcheck source=tests/bench/footprint.sh
. "$top/tests/bench/footprint.sh"
untuned=65530
map_count=$(cat /proc/sys/vm/max_map_count)
missed=0

die() {
  printf 'bench: %s\n' "$*" >&2
  exit 1
}

# shellcheck disable=SC2317  # called by the trap
on_exit() {
  local code=$?
  trap - EXIT INT TERM
  lab_down
  echo "$map_count" >/proc/sys/vm/max_map_count
  exit "$code"
}

# shellcheck disable=SC2317  # called by time_once, by name
baseline_bpactl() { "$bpactl" apply --yes; }

# A node with an empty, formatted volume that nobody has mounted.
unprepare() {
  local n
  echo "$untuned" >/proc/sys/vm/max_map_count
  for n in $(lab_numbers); do
    lab_reset "$n" && mkfs.xfs -q -f "$(cat "$BPA_LAB_DIR/$n/loop")" || return 1
  done
}

# No tool keeps anything warm from one run to the next: Ansible's ssh connections are closed, and
# our executor is stopped, so that starting it counts.
settle() {
  local n
  baselines_drop_connections
  for n in $(lab_numbers); do lab_hold "$n" executor; done
  for n in $(lab_numbers); do lab_release "$n" executor; done
  sleep 0.5
}

check_prepared() {
  local n part
  for n in $(lab_numbers); do
    for part in mount directories opt; do
      "evidence_check_$part" "$n" || die "$1 did not prepare $(lab_name "$n")"
    done
  done
}

# Milliseconds of one run of TOOL.
time_once() {
  local started=$EPOCHREALTIME ended
  "baseline_$1" >>"$log" 2>&1 || die "$1 failed; its output is in $log"
  ended=$EPOCHREALTIME
  echo $(((${ended/./} - ${started/./}) / 1000))
}

median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

# measure TOOL COUNT: sets prepare_ms and converge_ms.
measure() {
  local tool=$1 count=$2 i times=()
  for ((i = 0; i < count; i++)); do
    unprepare || die "the hosts cannot be reset"
    settle
    times+=("$(time_once "$tool")") || exit 1
  done
  check_prepared "$tool"
  prepare_ms=$(printf '%s\n' "${times[@]}" | median)
  times=()
  for ((i = 0; i < count; i++)); do
    settle
    times+=("$(time_once "$tool")") || exit 1
  done
  converge_ms=$(printf '%s\n' "${times[@]}" | median)
}

# row WHAT OURS SSH ANSIBLE
row() {
  local over_ssh over_ansible verdict=met
  over_ssh=$(awk "BEGIN {printf \"%.1f\", $3 / $2}")
  over_ansible=$(awk "BEGIN {printf \"%.1f\", $4 / $2}")
  awk "BEGIN {exit !($over_ssh >= 10 && $over_ansible >= 100)}" || {
    verdict=missed
    missed=1
  }
  printf '| %s | %d ms | %d ms | %d ms | %s | %s | %s |\n' "$@" "$over_ssh" "$over_ansible" "$verdict"
}

[[ -x $bpactl ]] || die "$bpactl is missing: run packaging/quickstart.sh, or build the release preset"
trap on_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
lab_down
lab_up || die "the hosts could not be made"
: >"$log"
baselines_start || die "sshd could not be started"
cluster_init "$bpactl" >>"$log" || die "bpactl init failed; see $log"
cluster_install_bundles || die "the nodes could not be configured"
cluster_wait_ready || die "not every gateway came up"

measure bpactl "$runs"
ours_prepare=$prepare_ms ours_converge=$converge_ms
measure ssh $(((runs + 2) / 3))
ssh_prepare=$prepare_ms ssh_converge=$converge_ms
measure ansible $(((runs + 4) / 5))

printf '| four nodes | bpactl | ssh | Ansible | times ssh (>= 10) | times Ansible (>= 100) | target |\n'
printf '|---|---|---|---|---|---|---|\n'
row 'converge again' "$ours_converge" "$ssh_converge" "$converge_ms"
row 'prepare, disks formatted' "$ours_prepare" "$ssh_prepare" "$prepare_ms"
echo
footprint || missed=1
exit $missed

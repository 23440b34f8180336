#!/usr/bin/env bash
# Measures bpactl against Ansible and against ssh, on the same four lab hosts in one run, and the
# agent's footprint; prints the tables that README shows. Exits 1 if a target is missed.
#
# Each tool is run again and again as its user would run it: nothing is stopped in between, so
# Ansible keeps its ssh connections (ControlPersist) and our executor, which leaves after half a
# minute without work, is there from the run before. The row without a target is bpactl when it has
# left, and Ansible without connections.
#
# Needs root and a release build (packaging/quickstart.sh makes one). BPA_BENCH_RUNS: how often
# bpactl is timed (default 15); ssh is timed a third as often, Ansible a fifth. Each figure is a
# median.
# shellcheck disable=SC2317  # many functions are called by name
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

on_exit() {
  local code=$?
  trap - EXIT INT TERM
  lab_down
  echo "$map_count" >/proc/sys/vm/max_map_count
  exit "$code"
}

baseline_bpactl() { "$bpactl" apply --yes; }

# Nodes with an empty, formatted volume that nobody has mounted, as the administrator's first apply
# finds them. Whatever the reset stopped is up again.
unprepare() {
  local n
  echo "$untuned" >/proc/sys/vm/max_map_count
  for n in $(lab_numbers); do
    lab_reset "$n" && mkfs.xfs -q -f "$(cat "$BPA_LAB_DIR/$n/loop")" || return 1
  done
  sleep 0.3
  # What a plan before the apply does: it wakes the executor, and opens Ansible's connections.
  "warm_$1" >>"$log" 2>&1
}

warm_bpactl() {
  "$bpactl" plan
  [[ $? -eq 2 ]] # there are differences
}
warm_ssh() { :; }
warm_ansible() { ANSIBLE_CONFIG=$bench_ssh/ansible.cfg ansible nodes -m ansible.builtin.ping; }

# Nothing is left from the run before.
cool() {
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

# median_of COUNT PREPARE TOOL: the median of TOOL's times, with PREPARE before each run.
median_of() {
  local count=$1 prepare=$2 tool=$3 i times=()
  for ((i = 0; i < count; i++)); do
    "$prepare" "$tool" || die "the hosts cannot be made ready"
    times+=("$(time_once "$tool")") || exit 1
  done
  check_prepared "$tool"
  printf '%s\n' "${times[@]}" | median
}

# measure TOOL COUNT: sets prepare_ms, converge_ms and cool_ms.
measure() {
  prepare_ms=$(median_of "$2" unprepare "$1") || exit 1
  converge_ms=$(median_of "$2" : "$1") || exit 1
  cool_ms=$(median_of "$2" cool "$1") || exit 1
}

# row WHAT OURS SSH ANSIBLE [VERDICT]
row() {
  local over_ssh over_ansible verdict=${5:-met}
  over_ssh=$(awk "BEGIN {printf \"%.1f\", $3 / $2}")
  over_ansible=$(awk "BEGIN {printf \"%.1f\", $4 / $2}")
  awk "BEGIN {exit !($# > 4 || ($over_ssh >= 10 && $over_ansible >= 100))}" || {
    verdict=missed
    missed=1
  }
  printf '| %s | %d ms | %d ms | %d ms | %s | %s | %s |\n' "$1" "$2" "$3" "$4" "$over_ssh" \
    "$over_ansible" "$verdict"
}

# The kernel's part of preparing, and nothing else: the volume is looked at, then mounted and written
# through. Prints the milliseconds of the slowest node; starting a shell there is not counted.
mounts_once() {
  local n
  for n in $(lab_numbers); do
    # shellcheck disable=SC2016  # that shell's variables
    lab_enter "$n" bash -c 'mkdir -p /mnt && begin=$EPOCHREALTIME &&
      mount -t xfs -o ro,norecovery /dev/nvme1n1 /mnt && umount /mnt &&
      mount -t xfs /dev/nvme1n1 /mnt && touch /mnt/written && sync -f /mnt && end=$EPOCHREALTIME &&
      umount /mnt && echo $(((${end/./} - ${begin/./}) / 1000))' &
  done | sort -n | tail -1
}
median_of_mounts() {
  local i
  for ((i = 0; i < $1; i++)); do
    unprepare mounts && mounts_once || return 1
  done | median
}
warm_mounts() { :; }

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
ours_prepare=$prepare_ms ours_converge=$converge_ms ours_cool=$cool_ms
measure ssh $(((runs + 2) / 3))
ssh_prepare=$prepare_ms ssh_converge=$converge_ms ssh_cool=$cool_ms
measure ansible $(((runs + 4) / 5))
mounts_ms=$(median_of_mounts $(((runs + 2) / 3)))

printf '| four nodes | bpactl | ssh | Ansible | times ssh (>= 10) | times Ansible (>= 100) | target |\n'
printf '|---|---|---|---|---|---|---|\n'
row 'converge again' "$ours_converge" "$ssh_converge" "$converge_ms"
row 'prepare, disks formatted' "$ours_prepare" "$ssh_prepare" "$prepare_ms"
row 'converge after a pause' "$ours_cool" "$ssh_cool" "$cool_ms" none
printf '\nOf preparing, mount(8), umount(8) and sync(1) of four volumes at once: %s ms\n' "${mounts_ms:-?}"
echo
footprint || missed=1
exit $missed

#!/usr/bin/env bash
# Measures `bpactl stage` against scp -r, rsync -a over ssh, and cp -r with sync, on the same lab
# hosts in one run; prints tables. Exits 1 if a target is missed.
#
# Needs root, rsync and a release build. BPA_BENCH_RUNS: how often each is timed (default 3; the
# median counts, and the tools take turns). BPA_BENCH_FILES: how many small files (default 100000).
# shellcheck disable=SC2317  # the tools are called by name
set -uo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${BPA_LAB_PREFIX:=bpa-stage-}" "${BPA_LAB_SUBNET:=10.89.3}" "${BPA_LAB_DIR:=$top/build/bench-stage}"
# shellcheck source=packaging/lab/hosts.sh
. "$top/packaging/lab/hosts.sh"
# shellcheck source=packaging/lab/evidence.sh
. "$top/packaging/lab/evidence.sh"
# shellcheck source=packaging/lab/cluster.sh
. "$top/packaging/lab/cluster.sh"
# shellcheck source=tests/bench/baselines.sh
. "$top/tests/bench/baselines.sh"

runs=${BPA_BENCH_RUNS:-3}
small_files=${BPA_BENCH_FILES:-100000}
bpactl=$BPA_LAB_BUILD/controller/bpactl
export BPA_HOME=$BPA_LAB_DIR/home
log=$BPA_LAB_DIR.log
# On a node: below it lie `packages` and, for the others, one directory each.
site=/srv/bpa
fast=/dev/shm/bpa-bench-stage
missed=0

die() {
  printf 'bench: %s\n' "$*" >&2
  exit 1
}

on_exit() {
  local code=$?
  trap - EXIT INT TERM
  lab_down
  rm -rf "$fast" "$BPA_LAB_DIR/source"
  exit "$code"
}

# --- What is sent.

# 1 GiB of random data in 4 large and 500 small files.
make_tree() {
  local i
  mkdir -p "$1/images" "$1/conf" || return 1
  for i in 1 2 3 4; do head -c $((240 << 20)) /dev/urandom >"$1/images/$i.tar" || return 1; done
  for i in $(seq 500); do head -c 134217 /dev/urandom >"$1/conf/$i" || return 1; done
}

make_small_files() {
  mkdir -p "$1" && head -c $((small_files << 10)) /dev/urandom |
    (cd "$1" && split -b 1024 -a 5 -d - f)
}

# change_tree DIR: 1 % of it: a megabyte inserted in the middle of a large file, eight written over
# within others, and the rest in small files.
change_tree() {
  local image=$1/images/1.tar
  {
    head -c $((100 << 20)) "$image"
    head -c $((1 << 20)) /dev/urandom
    tail -c +$(((100 << 20) + 1)) "$image"
  } >"$image.new" && mv "$image.new" "$image" || return 1
  dd if=/dev/urandom of="$1/images/2.tar" bs=1M count=4 seek=50 conv=notrunc status=none
  dd if=/dev/urandom of="$1/images/3.tar" bs=1M count=4 seek=150 conv=notrunc status=none
  for i in 1 2 3 4 5 6 7 8; do head -c 134217 /dev/urandom >"$1/conf/$i"; done
}

# --- Who sends it. Each: TOOL SOURCE NODE...

to() { printf '%s:%s' "$(lab_address "$1")" "$site"; }
in_node() { printf '/proc/%s/root%s' "$(lab_pid "$1")" "$site"; }

# each FUNCTION SOURCE NODE...: all nodes at once.
each() {
  local call=$1 source=$2 n pids=() pid failed=0
  shift 2
  for n in "$@"; do
    "$call" "$source" "$n" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
  return "$failed"
}
scp_one() { scp -F "$bench_ssh/config" -q -r "$1" "$(to "$2")/scp"; }
rsync_one() { rsync -a -e "ssh -F $bench_ssh/config" "$1/" "$(to "$2")/rsync/"; }
rsync_c_one() { rsync -a -c -e "ssh -F $bench_ssh/config" "$1/" "$(to "$2")/rsync/"; }
cp_one() { cp -r "$1" "$(in_node "$2")/cp" && sync; }
tool_scp() { each scp_one "$@"; }
tool_rsync() { each rsync_one "$@"; }
tool_rsync_c() { each rsync_c_one "$@"; }
tool_cp() { each cp_one "$@"; }
stage_command() {
  local source=$1 n
  shift
  staging=("$bpactl" stage "$source" --to "$site/packages" --yes)
  for n in "$@"; do staging+=("$(lab_node "$n")"); done
}
tool_bpactl() {
  stage_command "$@"
  "${staging[@]}"
}
# The same, for runs whose time does not count: looking takes processor time.
tool_watched() {
  stage_command "$@"
  "${staging[@]}" &
  watch_bpactl $!
  wait $!
}

# Keeps the most memory that bpactl had, and what its last run read.
bpactl_peak=0
bpactl_read=0
watch_bpactl() {
  local pid=$1 peak read
  bpactl_read=0
  while peak=$(awk '$1 == "VmHWM:" {print $2}' "/proc/$pid/status" 2>/dev/null) && [[ -n $peak ]]; do
    ((peak <= bpactl_peak)) || bpactl_peak=$peak
    read=$(awk '$1 == "rchar:" {print $2}' "/proc/$pid/io" 2>/dev/null)
    ((${read:-0} <= bpactl_read)) || bpactl_read=$read
    sleep 0.02
  done
}

# --- Measuring.

# The nodes without anything that was sent, and bpactl without any hash.
clear_nodes() {
  local n
  for n in "$@"; do
    lab_enter "$n" bash -c "rm -rf $site/* $site/.bpa-packages" || return 1
  done
  rm -rf "$BPA_HOME/packages"
  sync
}

# A virtual machine gives free memory back to its host, and touching it anew takes as long as all
# else: that is nobody's time. touch_memory NODES: as much as sending to so many needs.
touch_memory() {
  mkdir -p "$fast" && head -c "$((($1 + 2) << 30))" /dev/zero >"$fast/touched" && rm "$fast/touched"
}

# Milliseconds: sets took.
time_once() {
  local tool=$1 started ended
  shift
  started=$EPOCHREALTIME
  "tool_$tool" "$@" >>"$log" 2>&1 || die "$tool failed; its output is in $log"
  ended=$EPOCHREALTIME
  took=$(((${ended/./} - ${started/./}) / 1000))
}

median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

# compare "TOOL..." SOURCE NODE...: into nothing, by turns; sets ms[TOOL].
declare -A ms
compare() {
  local tools=$1 source=$2 tool i
  shift 2
  declare -A times=()
  for ((i = 0; i < runs; i++)); do
    for tool in $tools; do
      { clear_nodes "$@" && touch_memory $#; } || die "the nodes cannot be cleared"
      time_once "$tool" "$source" "$@"
      times[$tool]+="$took"$'\n'
    done
  done
  for tool in $tools; do ms[$tool]=$(printf '%s' "${times[$tool]}" | median); done
}

# Bytes over node 1's network, both ways.
wire_bytes() {
  lab_enter 1 cat /proc/net/dev |
    awk -F '[: ]+' 'NR > 2 && $2 != "lo" {sum += $3 + $11} END {printf "%.0f", sum}'
}

# row WHAT OURS THEIRS UNIT BOUND: the ratio theirs/ours must be at least BOUND.
row() {
  local ratio verdict=met
  ratio=$(awk "BEGIN {printf \"%.2f\", $3 / ($2 > 0 ? $2 : 1)}")
  awk "BEGIN {exit !($ratio >= $5)}" || {
    verdict=missed
    missed=1
  }
  printf '| %s | %s %s | %s %s | %s | %s | %s |\n' "$1" "$2" "$4" "$3" "$4" "$ratio" "$5" "$verdict"
}

header() {
  printf '\n| %s | bpactl | the other | ratio | at least | target |\n|---|---|---|---|---|---|\n' "$1"
}

limit_row() {
  local verdict=met
  (($2 <= $4)) || {
    verdict=missed
    missed=1
  }
  printf '| %s | %s %s | %s %s | %s |\n' "$1" "$2" "$3" "$4" "$3" "$verdict"
}

node_peak() {
  local n pid peak=0 hwm
  for n in $(lab_numbers); do
    for pid in $(lab_agent_pids "$n" "$1"); do
      hwm=$(awk '$1 == "VmHWM:" {print $2}' "/proc/$pid/status")
      ((${hwm:-0} <= peak)) || peak=$hwm
    done
  done
  echo "$peak"
}
executor_peak=0
note_executor() {
  local peak
  peak=$(node_peak bpa-executor)
  ((peak <= executor_peak)) || executor_peak=$peak
}

# --- The hosts.

mount_fast() {
  local n
  for n in $(lab_numbers); do
    lab_enter "$n" mkdir -p "$site" && lab_enter "$n" mount -t tmpfs -o size=4g,mode=0755 tmpfs "$site" ||
      return 1
  done
}
unmount_fast() {
  local n
  for n in $(lab_numbers); do lab_enter "$n" umount "$site" || return 1; done
}

start_lab() {
  local n
  lab_down
  lab_up || die "the hosts could not be made"
  : >"$log"
  baselines_start || die "sshd could not be started"
  cluster_init "$bpactl" >>"$log" || die "bpactl init failed; see $log"
  for n in $(lab_numbers); do
    sed -i "s|package_roots: .*|package_roots: [$site/packages]|" \
      "$BPA_HOME/nodes/$(lab_node "$n")/agent/agent.yaml"
  done
  cluster_install_bundles || die "the nodes could not be configured"
  cluster_wait_ready || die "not every gateway came up"
  # A package needs its role's volumes to be there.
  "$bpactl" apply --yes >>"$log" 2>&1 || die "bpactl apply failed; see $log"
}

[[ -x $bpactl ]] || die "$bpactl is missing: build the release preset"
command -v rsync >/dev/null || die "rsync is missing"
trap on_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
start_lab

# --- tmpfs: the disk is not what is measured.
mount_fast || die "no tmpfs in the hosts"
make_tree "$fast/tree" || die "no room in $fast"
header '1 GiB on tmpfs'
compare 'bpactl scp rsync' "$fast/tree" 1
row 'one node, against scp -r' "${ms[bpactl]}" "${ms[scp]}" ms 2
row 'one node, against rsync -a' "${ms[bpactl]}" "${ms[rsync]}" ms 1
note_executor

compare 'bpactl rsync' "$fast/tree" 1 2 3 4
row 'four nodes at once, against four rsync -a' "${ms[bpactl]}" "${ms[rsync]}" ms 1
clear_nodes 1 2 3 4
time_once watched "$fast/tree" 1 2 3 4
note_executor
# Its hashes are remembered and the first node has it: what is read now is read to be sent.
clear_nodes 1 2 3 4
time_once watched "$fast/tree" 1
time_once watched "$fast/tree" 2 3 4
row 'read of the source for three more nodes' $((bpactl_read >> 20)) 1024 MiB 0.9

clear_nodes 1
time_once bpactl "$fast/tree" 1
time_once rsync "$fast/tree" 1
time_once bpactl "$fast/tree" 1
ours=$took
time_once rsync_c "$fast/tree" 1
row 'nothing changed, against rsync -c' "$ours" "$took" ms 10
row 'nothing changed, against a second' "$ours" 1000 ms 1
change_tree "$fast/tree"
touch_memory 1 || die "no room in $fast"
before=$(wire_bytes)
time_once bpactl "$fast/tree" 1
between=$(wire_bytes)
ours=$took
time_once rsync "$fast/tree" 1
after=$(wire_bytes)
row '1 % changed, on the wire' $(((between - before) >> 10)) $(((after - between) >> 10)) KiB 1
printf '| (the same, time) | %d ms | %d ms | | | |\n' "$ours" "$took"
note_executor
rm -rf "$fast/tree"

make_small_files "$fast/small" || die "no room in $fast"
compare 'bpactl rsync' "$fast/small" 1
row "$small_files files of 1 KiB, against rsync -a" "${ms[bpactl]}" "${ms[rsync]}" ms 1
clear_nodes 1
time_once watched "$fast/small" 1
note_executor
rm -rf "$fast"
unmount_fast

# --- A disk.
make_tree "$BPA_LAB_DIR/source" || die "no room in $BPA_LAB_DIR"
sync
header '1 GiB on a disk'
compare 'bpactl cp scp rsync' "$BPA_LAB_DIR/source" 1
row 'one node, against cp -r and sync' "${ms[bpactl]}" "${ms[cp]}" ms 0.8
printf '| (scp -r) | | %d ms | | | |\n| (rsync -a) | | %d ms | | | |\n' "${ms[scp]}" "${ms[rsync]}"
note_executor

((bpactl_peak > 0 && executor_peak > 0)) || die "nobody looked at the memory"
printf '\n| peak memory | measured | at most | target |\n|---|---|---|---|\n'
limit_row bpactl "$bpactl_peak" KiB 65536
limit_row bpa-gateway "$(node_peak bpa-gateway)" KiB 65536
limit_row bpa-executor "$executor_peak" KiB 65536
exit "$missed"

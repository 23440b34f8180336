#!/usr/bin/env bash
# Prepares four worker nodes on this machine, from nothing: installs, builds, makes four hosts
# (packaging/lab/hosts.sh), runs the real gateway and executor in each, and lets bpactl plan, apply
# and verify. Shows the evidence, checks it, and exits non-zero if anything is not as promised.
set -uo pipefail

usage() {
  cat <<'TEXT'
usage: quickstart.sh [--keep | --down]
  --keep   leave the hosts running; then `. build/quickstart/env` and use bpactl
  --down   remove everything that --keep left
TEXT
}

keep=false
down=false
case "$#:${1:-}" in
  0:) ;;
  1:--keep) keep=true ;;
  1:--down) down=true ;;
  1:-h | 1:--help)
    usage
    exit 0
    ;;
  *)
    usage >&2
    exit 1
    ;;
esac

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Beside the lab's settings (packaging/lab/hosts.sh), for tests: another place than what --keep leaves.
work=${BPA_QUICKSTART_DIR:-$top/build/quickstart}
# shellcheck source=packaging/lab/hosts.sh
. "$top/packaging/lab/hosts.sh"
# shellcheck source=packaging/lab/evidence.sh
. "$top/packaging/lab/evidence.sh"
# shellcheck source=packaging/lab/cluster.sh
. "$top/packaging/lab/cluster.sh"
bpactl=$BPA_LAB_BUILD/controller/bpactl
sysctl_file=/proc/sys/vm/max_map_count

if [[ -t 1 ]]; then bold=$'\e[1m' plain=$'\e[0m'; else bold='' plain=''; fi
step() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
die() {
  printf '\nquickstart: %s\n' "$*" >&2
  exit 1
}

# vm.max_map_count belongs to the kernel that all hosts share, and so to this machine: what it was
# is kept until it can be put back.
save_sysctl() {
  mkdir -p "$work"
  [[ -f $work/max_map_count ]] || cat "$sysctl_file" >"$work/max_map_count"
}
restore_sysctl() {
  [[ -f $work/max_map_count ]] || return 0
  cat "$work/max_map_count" >"$sysctl_file" && rm -f "$work/max_map_count"
}

take_down() {
  lab_down && restore_sysctl && rm -rf "${work:?}"/{home,env,plan}
}

on_exit() {
  local code=$?
  trap - EXIT INT TERM HUP
  if [[ $keep == false || $code -ne 0 ]]; then
    take_down || code=1
  fi
  exit "$code"
}

# quietly LOG COMMAND...: shows the log's end only when the command fails.
quietly() {
  local log=$1
  shift
  "$@" >"$log" 2>&1 </dev/null && return 0
  tail -n 40 "$log" >&2
  die "'$*' failed; all of its output is in $log"
}

# expect CODE WHAT COMMAND...: the command's own output is what a person wants to see.
expect() {
  local wanted=$1 what=$2 code
  shift 2
  "$@" && code=0 || code=$?
  [[ $code -eq $wanted ]] || die "$what: exit code $code, and $wanted was promised"
}

build_programs() {
  quietly "$work/configure.log" cmake -S "$top" --preset release
  quietly "$work/build.log" cmake --build "$BPA_LAB_BUILD" \
    --target bpactl bpa-gateway bpa-executor
}

# One word each, for a reason that cluster_init has.
show_host() {
  local name address volume loop
  name=$(lab_name "$1")
  address=$(lab_address "$1")
  volume=$(lab_volume_id "$1")
  loop=$(cat "$BPA_LAB_DIR/$1/loop")
  printf '  %s  %s  %s on %s\n' "$name" "$address" "$volume" "$loop"
}
show_gateway() {
  local name pid process
  name=$(lab_name "$1")
  pid=$(lab_agent_pids "$1" bpa-gateway)
  process=$(ps -o user:10=,comm= -p "$pid")
  printf '  %s runs %s\n' "$name" "$process"
}

write_env() {
  cat >"$work/env" <<TEXT
# Source it: bpactl, and the home of the four hosts' controller.
export PATH=$(printf '%q' "$BPA_LAB_BUILD/controller"):\$PATH
export BPA_HOME=$(printf '%q' "$work/home")
TEXT
}

[[ $EUID -eq 0 ]] || die "namespaces, loop devices and packages need root: run it with sudo"
cd "$top" || exit 1
if [[ $down == true ]]; then
  take_down || die "not everything could be removed; see above"
  echo "Everything is removed."
  exit 0
fi

trap on_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
mkdir -p "$work"

step "Install what the build needs"
quietly "$work/install.log" "$top/packaging/install-build-deps.sh"
echo "done"
step "Build bpactl, bpa-gateway and bpa-executor (log: ${work#"$top"/}/build.log)"
build_programs
"$bpactl" version || die "bpactl version failed"

step "Make four hosts: namespaces, a root directory and a 4 GiB disk each"
take_down || die "what an earlier run left could not be removed; see above"
save_sysctl
# As on a machine that nobody has tuned, so that the plan has something to show.
echo 65530 >"$sysctl_file" || die "$sysctl_file cannot be written"
lab_up || die "the hosts could not be made; see above"
for n in $(lab_numbers); do show_host "$n"; done

step "bpactl init: the cluster's keys, and what each node needs"
export BPA_HOME=$work/home
cluster_init "$bpactl" >"$work/init.log" 2>&1 || {
  cat "$work/init.log" >&2
  die "bpactl init failed"
}
cluster_install_bundles || die "the nodes' configuration could not be installed; see above"
cluster_wait_ready || die "not every gateway came up; see above"
for n in $(lab_numbers); do show_gateway "$n"; done

step "bpactl nodes"
expect 0 "bpactl nodes" "$bpactl" nodes
step "bpactl plan"
expect 2 "bpactl plan on four nodes that nobody has prepared" "$bpactl" plan --out "$work/plan"
step "bpactl apply, bound to that plan"
expect 0 "bpactl apply" "$bpactl" apply --plan "$work/plan" --yes
step "bpactl verify"
expect 0 "bpactl verify" "$bpactl" verify

step "The evidence, read on the hosts"
failures=0
for n in $(lab_numbers); do
  evidence_show "$n"
  evidence_check "$n" || failures=$((failures + 1))
done
[[ $failures -eq 0 ]] || die "$failures of $BPA_LAB_HOSTS hosts are not as promised; see above"

if [[ $keep == true ]]; then
  write_env
  step "The hosts stay"
  echo "  . ${work#"$top"/}/env && bpactl verify"
  echo "  packaging/lab/lab.sh enter 1 bash       a shell on $(lab_name 1)"
  echo "  packaging/quickstart.sh --down          removes everything"
fi
printf '\nAll %d hosts are as promised.\n' "$BPA_LAB_HOSTS"

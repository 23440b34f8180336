#!/usr/bin/env bash
# What the gateway holds after a long life: scrapes and commands by the tens of thousands against one
# lab host, then its resident memory, the processor time of a scrape, and its descriptors. Prints a
# table; exits 1 if a target is missed.
#
#   soak.sh                       100,000 scrapes and 10,000 commands: minutes
#   BPA_SOAK_SCRAPES=N BPA_SOAK_COMMANDS=N soak.sh
#
# Needs root and a release build (packaging/quickstart.sh makes one). The role has 50 resources.
# shellcheck disable=SC2317  # many functions are called by name
set -uo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${BPA_LAB_PREFIX:=bpa-soak-}" "${BPA_LAB_SUBNET:=10.89.9}" "${BPA_LAB_DIR:=$top/build/soak}"
: "${BPA_SOAK_SCRAPES:=100000}" "${BPA_SOAK_COMMANDS:=10000}"
export BPA_LAB_HOSTS=1
# shellcheck source=packaging/lab/hosts.sh
. "$top/packaging/lab/hosts.sh"
# shellcheck source=packaging/lab/cluster.sh
. "$top/packaging/lab/cluster.sh"
bpactl=$BPA_LAB_BUILD/controller/bpactl
export BPA_HOME=$BPA_LAB_DIR/home
log=$BPA_LAB_DIR.log
# shellcheck source=tests/bench/footprint.sh
. "$top/tests/bench/footprint.sh"
map_count=$(cat /proc/sys/vm/max_map_count)
missed=0

die() {
  printf 'soak: %s\n' "$*" >&2
  exit 1
}

on_exit() {
  local code=$?
  trap - EXIT INT TERM
  lab_down
  echo "$map_count" >/proc/sys/vm/max_map_count
  exit "$code"
}

# The first role, grown to 50 resources: its volume, its sysctl, and directories.
add_directories() {
  local role i
  role=$(awk '/^roles:/ {found = 1} found && /^  [a-z0-9-]+:/ {sub(":", ""); print $1; exit}' \
    "$BPA_HOME/cluster.yaml")
  for ((i = 1; i <= 48; i++)); do
    printf '      /opt/bpa/data/soak-%02d: {mode: "0755"}\n' "$i"
  done >"$BPA_LAB_DIR/directories"
  awk -v role="  $role:" -v file="$BPA_LAB_DIR/directories" '
    {print}
    index($0, role) == 1 {in_role = 1}
    in_role && /^    directories:/ {while ((getline line < file) > 0) print line; in_role = 0}
  ' "$BPA_HOME/cluster.yaml" >"$BPA_LAB_DIR/cluster.yaml" &&
    cp "$BPA_LAB_DIR/cluster.yaml" "$BPA_HOME/cluster.yaml"
}

# scrape COUNT: one after the other, within the host.
scrape() {
  ip netns exec "$(lab_name 1)" python3 - "$1" <<'PYTHON'
import socket, sys

for i in range(int(sys.argv[1])):
    with socket.create_connection(("127.0.0.1", 7444)) as s:
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: node\r\n\r\n")
        page = b""
        while part := s.recv(65536):
            page += part
    assert page.startswith(b"HTTP/1.1 200 OK"), page[:100]
    assert page.count(b"bpa_resource_in_desired_state{") >= 50, page
PYTHON
}

# command COUNT: verifies, four at a time, each by a bpactl of its own.
commands() {
  seq "$1" | xargs -P 4 -I{} "$bpactl" verify >>"$log" 2>&1
}

# In ticks of the clock, also of threads that have ended.
cpu_ticks() { sed 's/.*) //' "/proc/$1/stat" | awk '{print $12 + $13}'; }

row() { footprint_row "$@" || missed=1; }

trap on_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
lab_down
lab_up || die "the host could not be made; see above"
: >"$log"
cluster_init "$bpactl" >>"$log" 2>&1 || die "bpactl init failed; see $log"
add_directories || die "the role could not be grown"
cluster_install_bundles || die "the configuration could not be installed; see above"
cluster_wait_ready || die "no gateway; see above"
"$bpactl" apply --yes >>"$log" 2>&1 || die "apply failed; see $log"
for _ in {1..100}; do
  if scrape 1 2>/dev/null; then break; fi
  sleep 0.2
done
gateway=$(lab_agent_pids 1 bpa-gateway)

before=$(cpu_ticks "$gateway")
scrape "$BPA_SOAK_SCRAPES" || die "a scrape failed"
after=$(cpu_ticks "$gateway")
each=$(((after - before) * 1000000 / $(getconf CLK_TCK) / BPA_SOAK_SCRAPES))
commands "$BPA_SOAK_COMMANDS" || die "a command failed; see $log"
sleep 5
[[ $(lab_agent_pids 1 bpa-gateway) == "$gateway" ]] || die "the gateway was restarted meanwhile"

printf 'After %d scrapes and %d commands:\n' "$BPA_SOAK_SCRAPES" "$BPA_SOAK_COMMANDS"
printf '| soak | measured | at most | target |\n|---|---|---|---|\n'
row 'processor time of a scrape with 50 resources' "$each" µs 1000
row 'gateway, resident' "$(status_kib "$gateway" VmRSS)" KiB 16384
row 'gateway, anonymous' "$(status_kib "$gateway" RssAnon)" KiB 4096
row 'gateway, descriptors' "$(find "/proc/$gateway/fd" -mindepth 1 | wc -l)" open 40
row 'journal' "$(lab_enter 1 du -k /var/lib/bpa-agent/journal.db | cut -f1)" KiB 81920
exit "$missed"

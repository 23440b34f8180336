# shellcheck shell=bash
# What the agent costs a node, measured on lab host 1; to be sourced by run.sh.

: "${bpactl:?}" "${log:?}"

# A field of /proc/PID/status in KiB.
status_kib() { awk -v field="$2:" '$1 == field {print $2}' "/proc/$1/status"; }

# Nanoseconds that the process has run on a processor, all threads.
cpu_nanoseconds() { cat /proc/"$1"/task/*/schedstat | awk '{sum += $1} END {printf "%d", sum}'; }

footprint_row() {
  local verdict=met
  awk "BEGIN {exit !($2 <= $4)}" || verdict=missed
  printf '| %s | %s %s | %s %s | %s |\n' "$1" "$2" "$3" "$4" "$3" "$verdict"
  [[ $verdict == met ]]
}

# Milliseconds from starting a gateway to its first accepted connection.
footprint_start_gateway() {
  local started ended address
  address=$(lab_address 1)
  lab_hold 1 gateway || return 1
  started=$EPOCHREALTIME
  lab_release 1 gateway
  # The supervisor looks every 50 ms whether it may start, and that is not the gateway's time.
  until [[ -n $(lab_agent_pids 1 bpa-gateway) ]]; do started=$EPOCHREALTIME; done
  until (exec 3<>"/dev/tcp/$address/7443") 2>/dev/null; do :; done
  ended=$EPOCHREALTIME
  echo $(((${ended/./} - ${started/./}) / 1000))
}

# Waits until the gateway has had its first look at the node (at most 15 s after it started) and the
# executor, which nobody needs any more, has left by itself.
footprint_rest() {
  local i
  sleep 20
  for ((i = 0; i < 60; i++)); do
    [[ -n $(lab_agent_pids 1 bpa-executor) ]] || return 0
    sleep 1
  done
  return 1
}

footprint() {
  local ready gateway before after executor peak broken=0
  # An apply that formats and migrates: the most that an executor does.
  lab_reset 1 || return 1
  "$bpactl" apply --yes node-1 >>"$log" 2>&1 || die "the footprint's apply failed"
  executor=$(lab_agent_pids 1 bpa-executor)
  peak=$(status_kib "$executor" VmHWM)
  ready=$(for _ in 1 2 3 4 5; do footprint_start_gateway; done | median)
  gateway=$(lab_agent_pids 1 bpa-gateway)
  footprint_rest || die "the executor does not leave"
  before=$(cpu_nanoseconds "$gateway")
  sleep 60
  after=$(cpu_nanoseconds "$gateway")
  printf '| footprint | measured | at most | target |\n|---|---|---|---|\n'
  footprint_row 'gateway at rest, resident' "$(status_kib "$gateway" VmRSS)" KiB 16384 || broken=1
  footprint_row 'gateway at rest, anonymous' "$(status_kib "$gateway" RssAnon)" KiB 4096 || broken=1
  footprint_row 'gateway ready after' "$ready" ms 100 || broken=1
  # One tick of the kernel's clock: less is not measurable by ps or top.
  footprint_row 'gateway idle, processor time in a minute' $(((after - before) / 1000)) µs 10000 ||
    broken=1
  footprint_row 'executor, peak over format, migrate and mount' "$peak" KiB 24576 || broken=1
  return $broken
}

#!/usr/bin/env bash
# A real Prometheus scrapes a real node: a directory's mode is changed by hand, the shipped alert
# fires, an apply puts it right, and the alert clears. Also: the page passes promtool's lint.
# Usage: monitoring_test.sh BUILD_DIRECTORY     Needs root. The rules' `for:` is set to 0s, since
# minutes of waiting prove nothing; their expressions are as shipped.
# shellcheck disable=SC2317  # many functions are called by name
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export BPA_LAB_PREFIX=bpa-mon- BPA_LAB_SUBNET=10.89.8 BPA_LAB_DIR=/tmp/bpa-monitoring \
  BPA_LAB_BUILD=$1 BPA_LAB_HOSTS=1 BPA_LAB_DRIFT_INTERVAL=1s BPA_HOME=/tmp/bpa-monitoring/home
# shellcheck source=packaging/lab/hosts.sh
. "$top/packaging/lab/hosts.sh"
# shellcheck source=packaging/lab/cluster.sh
. "$top/packaging/lab/cluster.sh"
bpactl=$BPA_LAB_BUILD/controller/bpactl
directory=/opt/bpa/data/kafka1
map_count=$(cat /proc/sys/vm/max_map_count)
prometheus=

fail() {
  printf '%s\n' "$*" >&2
  tail -n 20 "$BPA_LAB_DIR/prometheus.log" "$BPA_LAB_DIR/1/log" >&2 || true
  exit 1
}

on_exit() {
  local code=$?
  trap - EXIT INT TERM
  [[ -z $prometheus ]] || kill "$prometheus" 2>/dev/null || true
  lab_down || code=1
  echo "$map_count" >/proc/sys/vm/max_map_count
  exit "$code"
}

on_node() { ip netns exec "$(lab_name 1)" "$@"; }

query() { on_node promtool query instant http://127.0.0.1:9090 "$1" 2>/dev/null; }
answers() { [[ -n $(query "$1") ]]; }
answers_not() { [[ -z $(query "$1") ]]; }

# await WHAT COMMAND...
await() {
  local what=$1 i
  shift
  for ((i = 0; i < 300; i++)); do
    if "$@"; then
      printf 'after %2d s: %s\n' "$SECONDS" "$what"
      return 0
    fi
    sleep 0.1
  done
  fail "not within 30 s: $what"
}

start_prometheus() {
  mkdir "$BPA_LAB_DIR/prometheus"
  sed -E 's/^( +for: ).*/\10s/' "$top/packaging/monitoring/alerts.yml" \
    >"$BPA_LAB_DIR/prometheus/alerts.yml"
  cat >"$BPA_LAB_DIR/prometheus/prometheus.yml" <<'YAML'
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [alerts.yml]
scrape_configs:
  - job_name: bpa-node-agent
    static_configs: [{targets: ["127.0.0.1:7444"]}]
YAML
  on_node prometheus --config.file="$BPA_LAB_DIR/prometheus/prometheus.yml" \
    --storage.tsdb.path="$BPA_LAB_DIR/prometheus/data" --web.listen-address=127.0.0.1:9090 \
    >"$BPA_LAB_DIR/prometheus.log" 2>&1 &
  prometheus=$!
}

page() {
  # shellcheck disable=SC2016  # expanded by the inner shell
  on_node bash -c 'exec 3<>/dev/tcp/127.0.0.1/7444
    printf "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" >&3
    sed "1,/^\r\$/d" <&3'
}

trap on_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
lab_down
lab_up
cluster_init "$bpactl" >"$BPA_LAB_DIR/init.log"
cluster_install_bundles
cluster_wait_ready
"$bpactl" apply --yes >"$BPA_LAB_DIR/apply.log" 2>&1 || fail "$(cat "$BPA_LAB_DIR/apply.log")"
start_prometheus

drift="ALERTS{alertname=\"BpaDrift\",alertstate=\"firing\",kind=\"directory\",name=\"$directory\"}"
await "Prometheus scrapes the node" answers 'up == 1'
await "every resource is as applied" answers 'min(bpa_resource_in_desired_state) == 1'
answers_not 'ALERTS{alertstate="firing"}' || fail "fires on a healthy node: $(query ALERTS)"
answers 'bpa_volume_available_bytes{mount_point="/opt"} > 0' || fail "no volume is measured"
answers 'bpa_commands_total{mode="apply",result="succeeded"} == 1' || fail "the apply is not counted"
page | promtool check metrics || fail "promtool finds fault with the page"

lab_enter 1 chmod 0700 "$directory"
await "the alert fires for $directory" answers "$drift"
"$bpactl" verify >"$BPA_LAB_DIR/verify.log" 2>&1 && fail "verify sees no difference"
[[ $(lab_enter 1 stat -c %a "$directory") == 700 ]] || fail "observing changed the directory"
"$bpactl" apply --yes >"$BPA_LAB_DIR/apply.log" 2>&1 || fail "$(cat "$BPA_LAB_DIR/apply.log")"
await "the alert has cleared" answers_not "$drift"

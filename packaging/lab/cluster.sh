# shellcheck shell=bash
# The lab hosts as a cluster of bpactl's; to be sourced after hosts.sh, with BPA_HOME set.
#
# BPA_LAB_DRIFT_INTERVAL: what agent.yaml says of it, if it is to differ from the default.

: "${lab_agent_uid:?source hosts.sh first}"

lab_node() { printf 'node-%s' "$1"; }

# The hosts as `bpactl init` takes them, a line each.
cluster_nodes() {
  local n
  for n in $(lab_numbers); do
    lab_node "$n"
    printf '='
    lab_address "$n"
    printf ':7443,volume='
    lab_volume_id "$n"
    echo
  done
}

# cluster_init BPACTL [ARGUMENT...]: makes $BPA_HOME for the hosts. One substitution and not three for
# each host: bash 5.2 loses a signal's trap ("unexpected EOF while looking for matching `)'") that
# comes between two in one word.
cluster_init() {
  local bpactl=$1 lines nodes
  shift
  lines=$(cluster_nodes)
  mapfile -t nodes <<<"$lines"
  "$bpactl" init --bundles --cluster bpa-lab "$@" "${nodes[@]}"
}

# Brings each node what init made for it. The configuration comes last: it is what the services
# wait for.
cluster_install_bundles() {
  local n
  for n in $(lab_numbers); do cluster_install_bundle "$n" || return 1; done
}

cluster_install_bundle() {
  local n=$1 bundle target
  bundle=$BPA_HOME/nodes/$(lab_node "$1")/agent
  target=$(lab_root "$n")/etc/bpa-agent
  [[ -f $bundle/agent.yaml ]] || {
    lab_fail "$bundle/agent.yaml is missing: did bpactl init run?"
    return 1
  }
  rm -rf "$target" "$target.new"
  cp -a "$bundle" "$target.new" &&
    sed -i "s/^gateway:\$/&${BPA_LAB_DRIFT_INTERVAL:+\\n  drift_interval: $BPA_LAB_DRIFT_INTERVAL}/" \
      "$target.new/agent.yaml" &&
    chown -R 0:0 "$target.new" &&
    chown "$lab_agent_uid:$lab_agent_uid" "$target.new/tls/node.key" &&
    mv "$target.new" "$target"
}

# Waits until every gateway accepts connections.
cluster_wait_ready() {
  local n i
  for n in $(lab_numbers); do
    for ((i = 0; i < 500; i++)); do
      if (exec 3<>"/dev/tcp/$(lab_address "$n")/7443") 2>/dev/null; then continue 2; fi
      sleep 0.02
    done
    lab_fail "$(lab_name "$n"): nothing listens on $(lab_address "$n"):7443 after 10 s:" \
      "$(tail -n 5 "$BPA_LAB_DIR/$n/log")"
    return 1
  done
}

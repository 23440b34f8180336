#!/usr/bin/env bash
# The life of the packages on a machine of their own with systemd as PID 1: installed, upgraded,
# removed, purged, as .deb and as .rpm. Needs root.
# usage: install_test.sh BUILD_DIR PACKAGES_DIR
set -uo pipefail
build=$(realpath "$1")
packages=$(realpath "$2")
# shellcheck source=tests/packaging/booted_root.sh
. "$(dirname "${BASH_SOURCE[0]}")/booted_root.sh"
trap root_remove EXIT
failed=0
fail() {
  echo "FAILED: $*" >&2
  failed=1
}
die() {
  fail "$*"
  exit 1
}
# expect WHAT COMMAND...: the command succeeds; its words are shown if not.
expect() {
  local what=$1 said
  shift
  said=$("$@" 2>&1) || fail "$what: '$*': $said"
}
expect_not() {
  local what=$1
  shift
  if "$@" >/dev/null 2>&1; then fail "$what: '$*' succeeds"; fi
}
is() { [[ $2 == "$3" ]] || fail "$1: expected '$3', found '$2'"; }
property() { in_root systemctl show --property="$2" --value "$1"; }
state() { property "$1" ActiveState; }

# The same, as a later version; compressed in a hurry.
later=$(mktemp -d)
trap 'root_remove; rm -rf "$later"' EXIT
(cd "$later" && cpack --config "$build/CPackConfig.cmake" -G 'DEB;RPM' -R 9.9.9 -B "$later" \
  -D CPACK_DEBIAN_COMPRESSION_TYPE=gzip -D CPACK_RPM_COMPRESSION_TYPE=gzip) >"$later/log" 2>&1 ||
  die "cpack: $(tail -n 20 "$later/log")"

root_make
root_put "$packages"/bpa-agent[-_]*.{deb,rpm} "$packages"/bpactl_*.deb "$later"/bpa-agent[-_]9.9.9*
inside() { root_run sh -c "echo /root/$1"; }
deb=$(inside 'bpa-agent_[!9]*.deb')
later_deb=$(inside 'bpa-agent_9.9.9*.deb')
bpactl_deb=$(inside 'bpactl_*.deb')
rpm=$(inside 'bpa-agent-[!9]*.rpm')
later_rpm=$(inside 'bpa-agent-9.9.9*.rpm')

# --- In a chroot without systemd, as images are made.
expect "install in a chroot" root_run dpkg -i "$deb" "$bpactl_deb"
expect "the user is made" root_run getent passwd bpa-agent
is "tls directory" "$(root_run stat -c '%a %U %G' /etc/bpa-agent/tls)" '750 root bpa-agent'
is "state directory" "$(root_run stat -c '%a %U %G' /var/lib/bpa-agent)" '700 root root'
for unit in bpa-agent-keys.service bpa-executor.socket bpa-gateway.service; do
  expect "enabled in a chroot" root_run systemctl is-enabled "$unit"
done

# --- Booted, and not configured: the socket listens, the gateway waits without having failed.
root_boot || die "systemd does not start"
is "socket after boot" "$(state bpa-executor.socket)" active
is "gateway without agent.yaml" "$(state bpa-gateway.service)" inactive

# --- Configured.
configure() {
  expect "bpactl init" in_root env HOME=/root bpactl init --bundles --cluster pkg \
    node-1=127.0.0.1,role=bpa-node-1,volume=vol-0123456789abcdef0
  in_root sh -c 'cp -rT /root/.bpa/nodes/node-1/agent /etc/bpa-agent &&
    sed -i "s/^executor:/executor:\n  idle_timeout: 1h/" /etc/bpa-agent/agent.yaml &&
    # The executor stays until it is told to go, and is not woken by looks for drift.
    if grep -q drift_interval /usr/share/doc/bpa-agent/examples/agent.yaml; then
      sed -i "s/^gateway:/gateway:\n  drift_interval: off/" /etc/bpa-agent/agent.yaml
    fi &&
    systemd-tmpfiles --create bpa-agent.conf && systemctl start bpa-gateway.service' ||
    fail "the gateway does not start: $(in_root journalctl -u bpa-gateway -n 20)"
}
# Starts the executor by way of the gateway and the socket.
ask() {
  local code
  in_root env HOME=/root bpactl sysctl --plan-only --retries 0 >"$root_work.ask" 2>&1
  code=$?
  [[ $code -eq 0 || $code -eq 2 ]] ||
    fail "$1: bpactl exits with $code: $(cat "$root_work.ask")"
  rm -f "$root_work.ask"
}
# What of ours an upgrade keeps: every byte of /etc/bpa-agent, and the journal's very file.
kept() {
  in_root find /etc/bpa-agent -type f -exec sha256sum {} + | sort
  in_root find /var/lib/bpa-agent -name '*.db' -printf '%p %i\n' | sort
}

configure
ask "a plan on the installed node"
is "executor after a plan" "$(state bpa-executor.service)" active

# upgraded WHAT COMMAND...: the executor goes on, the gateway is new, what is ours is kept.
upgraded() {
  local what=$1 before executor gateway
  shift
  executor=$(property bpa-executor.service MainPID)
  gateway=$(property bpa-gateway.service MainPID)
  before=$(kept)
  expect "$what" in_root "$@"
  is "$what: the executor's process" "$(property bpa-executor.service MainPID)" "$executor"
  is "$what: the executor's program" "$(in_root readlink "/proc/$executor/exe")" \
    '/usr/sbin/bpa-executor (deleted)'
  is "$what: the gateway" "$(state bpa-gateway.service)" active
  [[ $(property bpa-gateway.service MainPID) != "$gateway" ]] || fail "$what: the gateway is the old one"
  is "$what: configuration, keys and journal" "$(kept)" "$before"
  ask "$what: the new gateway with the executor that runs"
}
upgraded "upgrade of the .deb" dpkg -i "$later_deb"

# Idle, it makes way: the socket is restarted, and starts the new program.
expect "stop" in_root systemctl stop bpa-executor.service
listening=$(property bpa-executor.socket InvocationID)
expect "upgrade while the executor is away" in_root dpkg -i "$later_deb"
[[ $(property bpa-executor.socket InvocationID) != "$listening" ]] ||
  fail "upgrade while the executor is away: the socket was not restarted"
ask "after an upgrade while the executor was away"
is "the executor's program" \
  "$(in_root readlink "/proc/$(property bpa-executor.service MainPID)/exe")" /usr/sbin/bpa-executor

# --- Removed: what the agent made of the node stays.
in_root sh -c 'echo "UUID=1-2 /opt xfs defaults,nofail,x-bpa.volume=vol-0123456789abcdef0 0 0" >>/etc/fstab
  mkdir -p /opt/bpa/data && echo data >/opt/bpa/data/file'
fstab=$(in_root cat /etc/fstab)
leaves_the_node_alone() {
  is "$1: /etc/fstab" "$(in_root cat /etc/fstab)" "$fstab"
  expect "$1: the mount" in_root mountpoint -q /opt
  is "$1: data" "$(in_root cat /opt/bpa/data/file)" data
}
expect "removal" in_root dpkg -r bpa-agent
for unit in bpa-gateway.service bpa-executor.socket bpa-executor.service; do
  is "$unit after removal" "$(state $unit)" inactive
done
leaves_the_node_alone removal
expect "removal keeps the configuration" in_root test -e /etc/bpa-agent/agent.yaml
expect "installed again" in_root dpkg -i "$deb"
expect "the gateway is ready again" in_root systemctl start bpa-gateway.service
ask "installed again"

expect "purge" in_root dpkg -P bpa-agent
leaves_the_node_alone purge
for path in /etc/bpa-agent /var/lib/bpa-agent /etc/needrestart/conf.d/bpa-agent.conf; do
  expect_not "purge" in_root test -e "$path"
done
expect "purge keeps the user" in_root getent passwd bpa-agent
is "links after purge" "$(in_root find /etc/systemd/system -name 'bpa-*')" ''

# --- The .rpm, in the same place. Its requirements are contents_test.sh's; here nobody has them.
rpm_tool=(rpm --dbpath /var/lib/rpm-test --nodeps)
expect "install of the .rpm" in_root "${rpm_tool[@]}" -i "$rpm"
is "socket of the .rpm" "$(state bpa-executor.socket)" active
expect "enabled by the .rpm" in_root systemctl is-enabled bpa-gateway.service
in_root rm -rf /root/.bpa
configure
ask "a plan with the .rpm"
upgraded "upgrade of the .rpm" "${rpm_tool[@]}" -U "$later_rpm"
expect "removal of the .rpm" in_root "${rpm_tool[@]}" -e bpa-agent
for unit in bpa-gateway.service bpa-executor.socket bpa-executor.service; do
  is "$unit after removal of the .rpm" "$(state $unit)" inactive
done
leaves_the_node_alone "removal of the .rpm"
expect "removal of the .rpm keeps the configuration" in_root test -e /etc/bpa-agent/agent.yaml
is "links after removal of the .rpm" "$(in_root find /etc/systemd/system -name 'bpa-*')" ''

exit "$failed"

#!/bin/sh
# What the maintainer scripts of the .deb and of the .rpm have in common; they alone call it.
#
#   setup install    after the files were put there for the first time
#   setup upgrade    after they were exchanged
#   setup start      starts what is enabled
#   setup remove     before they go
#
# Where systemd does not run (a chroot, an image that is being built) it creates and enables, and
# leaves starting to the first boot. A unit that does not start fails no installation: what is
# wrong is in its log, and mending it needs the package installed.
set -eu

# What the preset file enables.
units='bpa-agent-keys.service bpa-executor.socket bpa-gateway.service'

complain() { echo "bpa-agent: $*" >&2; }

systemd_runs() { [ -d /run/systemd/system ]; }

# Debian's way for an administrator, or a builder of images, to say that packages start nothing.
may_start() {
  [ -x /usr/sbin/policy-rc.d ] || return 0
  /usr/sbin/policy-rc.d "$1" start || [ $? -ne 101 ]
}

create() {
  systemd-sysusers bpa-agent.conf || complain "the user bpa-agent could not be made"
  systemd-tmpfiles --create bpa-agent.conf || complain "not every directory could be made"
}

reload() {
  if systemd_runs; then systemctl daemon-reload || complain "systemctl daemon-reload failed"; fi
}

# --no-block: an installation may be a part of the boot (user-data), and waiting for a unit that in
# its turn waits for the boot would never end.
start() {
  systemd_runs || return 0
  for unit in $units; do
    if systemctl --quiet is-enabled "$unit" && may_start "$unit"; then
      systemctl --no-block start "$unit" || complain "$unit does not start"
    fi
  done
}

# "active", "activating", "failed", ...
state() { systemctl show --property=ActiveState --value "$1"; }

# The gateway is restarted; the executor is not, so that a running apply outlasts the upgrade. Its
# process keeps the old program until it has been idle for a while and leaves; the socket then
# starts the new one. Until then the new gateway speaks to it: same socket, same protocol.
#
# So the socket cannot be restarted while the executor runs: bpa-executor.service requires it, and
# systemd would stop the service along with it. Nor can anyone but the gateway connect: with the
# gateway stopped, no command can come in between the look at the service and the restart of the
# socket. Where the executor does run, the socket keeps its old settings until the next boot.
#
# A bpactl whose connection ends with the old gateway sends the same bytes again, and attaches to
# the command that goes on.
upgrade() {
  systemd_runs || return 0
  gateway=$(state bpa-gateway.service)
  case $gateway in
    inactive) ;;
    *) systemctl stop bpa-gateway.service || complain "bpa-gateway.service does not stop" ;;
  esac
  if [ "$(state bpa-executor.socket)" = active ]; then
    case $(state bpa-executor.service) in
      inactive | failed) systemctl restart bpa-executor.socket ||
        complain "bpa-executor.socket does not restart" ;;
    esac
  fi
  case $gateway in
    inactive) ;;
    *) systemctl start bpa-gateway.service || complain "bpa-gateway.service does not start" ;;
  esac
}

# A command that runs ends after the resource that it is at; bpa-executor.service waits for that.
# Mounts, fstab lines and data stay: they are the node's, and what uses them goes on.
remove() {
  systemd_runs || return 0
  systemctl stop bpa-gateway.service bpa-executor.socket bpa-executor.service \
    bpa-agent-keys.service ||
    complain "not every unit could be stopped"
}

case ${1:-} in
  install)
    create
    # shellcheck disable=SC2086  # a list
    systemctl --quiet preset $units || complain "the units could not be enabled"
    reload
    start
    ;;
  upgrade)
    create
    reload
    upgrade
    ;;
  start) start ;;
  remove) remove ;;
  *)
    echo "usage: setup install | upgrade | start | remove" >&2
    exit 1
    ;;
esac

#!/usr/bin/env bash
# PID 1 of a lab host: keeps the two services running as the systemd units would, and reaps. A
# service waits while the host has no configuration, or while /run/lab/NAME.hold exists.
set -u
config=/etc/bpa-agent/agent.yaml
socket=/run/bpa-agent/executor.sock

install -d -m 0750 -o root -g bpa-agent "$(dirname "$socket")"

keep_running() {
  local name=$1
  shift
  while :; do
    until [[ -e $config && ! -e /run/lab/$name.hold ]]; do sleep 0.05; done
    "$@"
    # Restart=always with RestartSec=100ms: a program that cannot start must not spin.
    sleep 0.1
  done
}

# In subshells, because each ends in exec. The first line is what bpa-agent-keys.service does.
gateway() (
  /usr/local/sbin/bpa-executor --make-keys >/dev/null
  exec setpriv --reuid=bpa-agent --regid=bpa-agent --clear-groups --inh-caps=-all \
    --bounding-set=-all --no-new-privs /usr/local/sbin/bpa-gateway
)

# systemd-socket-activate makes the socket with mode 0644; the unit's SocketGroup= and SocketMode=
# are done here.
executor_socket() (
  rm -f "$socket"
  {
    until [[ -S $socket ]]; do sleep 0.01; done
    chgrp bpa-agent "$socket"
    chmod 0660 "$socket"
  } &
  exec systemd-socket-activate --listen="$socket" /usr/local/libexec/bpa-lab-listen
)

keep_running gateway gateway &
keep_running executor executor_socket &
touch /var/log/bpa-lab.ready
# Both children run for ever; orphans of the host are reaped by the shell itself.
wait

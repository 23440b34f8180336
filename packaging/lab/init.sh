#!/usr/bin/env bash
# PID 1 of a lab host: keeps the two services running as the systemd units would, and reaps. A
# service waits while the host has no configuration, or while /run/lab/NAME.hold exists.
set -u
config=/etc/bpa-agent/agent.yaml
run_dir=/run/bpa-agent

install -d -m 0750 -o root -g bpa-agent "$run_dir"

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

# In subshells, because each ends in exec.
gateway() (
  exec setpriv --reuid=bpa-agent --regid=bpa-agent --clear-groups --inh-caps=-all \
    --bounding-set=-all --no-new-privs /usr/local/sbin/bpa-gateway
)

# The socket itself may be reached by anyone who can enter its directory, and that is root and the
# gateway; whom the executor serves it decides by SO_PEERCRED.
executor_socket() (
  umask 0111
  exec systemd-socket-activate --listen="$run_dir/executor.sock" /usr/local/libexec/bpa-lab-listen
)

keep_running gateway gateway &
keep_running executor executor_socket &
touch /var/log/bpa-lab.ready
# Both children run for ever; orphans of the host are reaped by the shell itself.
wait

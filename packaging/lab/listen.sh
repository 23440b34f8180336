#!/usr/bin/env bash
# Holds the executor's listening socket as systemd does: started by systemd-socket-activate on the
# first connection with the socket as descriptor 3, it keeps that open and starts an executor
# whenever a connection waits. So no connection is lost between two executors.
set -u
while :; do
  until [[ ! -e /run/lab/executor.hold ]]; do sleep 0.05; done
  (
    export LISTEN_PID=$BASHPID LISTEN_FDS=1
    # The child gets the descriptor from here, not a new one.
    exec systemd-socket-activate /usr/local/sbin/bpa-executor
  )
done

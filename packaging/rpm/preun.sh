# shellcheck shell=sh
# $1: how many versions will be left: none at removal, 1 at an upgrade.
if [ "$1" -eq 0 ]; then
  /usr/libexec/bpa-agent/setup remove
  systemctl --quiet --no-reload disable bpa-agent-keys.service bpa-executor.socket \
    bpa-gateway.service || :
fi

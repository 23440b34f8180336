# shellcheck shell=sh
# $1: how many versions will be installed: 1 at the first installation, 2 at an upgrade.
if [ "$1" -eq 1 ]; then
  /usr/libexec/bpa-agent/setup install
else
  /usr/libexec/bpa-agent/setup upgrade
fi

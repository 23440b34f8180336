#!/usr/bin/env bash
# Lab hosts from the command line; hosts.sh says what they are and which settings there are.
set -uo pipefail
# shellcheck source=packaging/lab/hosts.sh
. "$(dirname "${BASH_SOURCE[0]}")/hosts.sh"

usage() {
  cat <<'TEXT'
usage: lab.sh up | down
       lab.sh enter N COMMAND...
       lab.sh reset N [--keep-filesystem]
       lab.sh attach N | detach N
       lab.sh hold N SERVICE | release N SERVICE     SERVICE: gateway, executor
       lab.sh pids N PROGRAM
TEXT
  exit 2
}

[[ $# -ge 1 ]] || usage
action=$1
shift
case $action in
  up | down) [[ $# -eq 0 ]] || usage ;;
  attach | detach) [[ $# -eq 1 ]] || usage ;;
  hold | release) [[ $# -eq 2 ]] || usage ;;
  enter | reset) [[ $# -ge 1 ]] || usage ;;
  pids)
    [[ $# -eq 2 ]] || usage
    action=agent_pids
    ;;
  *) usage ;;
esac
if [[ $action == up ]]; then
  lab_up || {
    lab_down
    exit 1
  }
else
  "lab_$action" "$@"
fi

#!/usr/bin/env bash
# Lab hosts from the command line; hosts.sh says what they are and which settings there are.
set -uo pipefail
# shellcheck source=packaging/lab/hosts.sh
. "$(dirname "${BASH_SOURCE[0]}")/hosts.sh"
# shellcheck source=packaging/lab/cluster.sh
. "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
# shellcheck source=packaging/lab/evidence.sh
. "$(dirname "${BASH_SOURCE[0]}")/evidence.sh"

usage() {
  cat <<'TEXT'
usage: lab.sh up | down
       lab.sh enter N COMMAND...
       lab.sh reset N [--keep-filesystem]
       lab.sh attach N | detach N
       lab.sh hold N SERVICE | release N SERVICE     SERVICE: gateway, executor
       lab.sh pids N PROGRAM
       lab.sh cluster BPACTL       make $BPA_HOME for the hosts, configure and start them
       lab.sh check N              is host N as the paper wants it?
       lab.sh snapshot N           all that a command could change, as text
TEXT
  exit 2
}

[[ $# -ge 1 ]] || usage
action=$1
shift
case $action in
  up | down) [[ $# -eq 0 ]] || usage ;;
  attach | detach) [[ $# -eq 1 ]] || usage ;;
  snapshot) [[ $# -eq 1 ]] || usage ;;
  cluster)
    [[ $# -eq 1 && -n ${BPA_HOME:-} ]] || usage
    cluster_init "$1" && cluster_install_bundles && cluster_wait_ready
    exit
    ;;
  check)
    [[ $# -eq 1 ]] || usage
    evidence_check "$1"
    exit
    ;;
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

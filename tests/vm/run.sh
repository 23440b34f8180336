#!/usr/bin/env bash
# The agent on a real guest: Debian 12 under QEMU's emulation, systemd as PID 1, an NVMe disk with an
# EBS serial, and bpactl outside. As root; one guest at a time.
#
#   tests/vm/run.sh [--build DIR] SCENARIO...
#
# SCENARIO is the name of a file in tests/vm/scenarios, without .sh; DIR the build directory whose
# programs are used (build/release). Each scenario starts from a fresh guest. Its output, the guest's
# console and its disks are in build/vm/SCENARIO; the disks go when it succeeds.
set -uo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$top/build/release
if [[ ${1:-} == --build ]]; then
  build=$(cd "$2" && pwd) || exit 1
  shift 2
fi
[[ $# -gt 0 ]] || {
  sed -n '5,9s/^# \{0,1\}//p' "$0" >&2
  exit 1
}

bpactl=$build/controller/bpactl
guest_dir=$top/build/vm
# shellcheck source=tests/vm/guest.sh
. "$top/tests/vm/guest.sh"
# shellcheck source=tests/vm/cluster.sh
. "$top/tests/vm/cluster.sh"
trap guest_cut EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# In a subshell, so that a scenario's settings are its own; its guest ends with it.
play() (
  trap guest_cut EXIT
  guest_dir=$top/build/vm/$1
  rm -rf "$guest_dir"
  mkdir -p "$guest_dir/tree"
  export BPA_HOME=$guest_dir/home
  image_kind=lean
  # shellcheck source=/dev/null
  . "$top/tests/vm/scenarios/$1.sh"
  guest_image=$("$top/tests/vm/image.sh" "$image_kind") || exit 1
  # What a scenario promises is a chain of steps, each of which says itself what is wrong.
  scenario || {
    guest_evidence
    exit 1
  }
  guest_cut
  rm -rf "$guest_dir"/{root.qcow2,volume.raw,payload,payload.tar,tree}
)

failed=0
for name in "$@"; do
  [[ -f $top/tests/vm/scenarios/$name.sh ]] || {
    echo "run.sh: there is no scenario $name: $(cd "$top/tests/vm/scenarios" && echo *.sh)" >&2
    exit 1
  }
  started=$SECONDS
  printf '== %s\n' "$name"
  if play "$name"; then
    printf 'ok    %s  %d s\n' "$name" $((SECONDS - started))
  else
    printf 'FAIL  %s  %d s\n' "$name" $((SECONDS - started))
    failed=$((failed + 1))
  fi
done
[[ $failed -eq 0 ]]

# shellcheck shell=bash disable=SC2154  # run.sh says where things are
# The root disk is full to the last byte, over a boot: the node can still be reached, says what is
# wrong, changes nothing, and goes on when there is room.

scenario() {
  cluster_start || return 1
  # Large blocks first, then what is left in small ones; not a byte for anybody, root included.
  in_guest '100%' 'dd if=/dev/zero of=/var/tmp/fill bs=1M; dd if=/dev/zero of=/var/tmp/fill2 bs=1k;
    sync; df --output=pcent / | tail -n 1' &&
    guest_reboot && cluster_wait || return 1
  expect 0 'yes' "$bpactl" nodes &&
    expect 5 'disk is full; make room' "$bpactl" apply --yes &&
    in_guest 'unmounted' 'findmnt /opt || echo unmounted' &&
    in_guest '' rm /var/tmp/fill /var/tmp/fill2 &&
    expect 0 'failed=0' "$bpactl" apply --yes &&
    expect 0 'ok=7' "$bpactl" verify
}

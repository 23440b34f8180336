# shellcheck shell=bash disable=SC2154  # run.sh says where things are
# A prepared node boots without its volume: it comes up without waiting for the device, says what is
# missing, and is as wanted again when the volume is back.

scenario() {
  cluster_start && expect 0 'failed=0' "$bpactl" apply --yes && guest_shut_down || return 1
  # The gateway does not wait for what waits for the device.
  guest_boot --without-volume && cluster_wait && guest_settle || return 1
  in_guest 'active' systemctl is-active multi-user.target local-fs.target &&
    expect 0 'yes' "$bpactl" nodes &&
    expect 3 "no disk of this node is $guest_volume_id" "$bpactl" verify &&
    # Nothing may land on the root disk by accident.
    expect 3 'skipped=5' "$bpactl" apply --yes &&
    in_guest 'absent' 'test ! -e /opt/bpa && echo absent' &&
    guest_shut_down || return 1
  guest_boot && guest_settle && cluster_wait &&
    expect 0 'ok=7' "$bpactl" verify
}

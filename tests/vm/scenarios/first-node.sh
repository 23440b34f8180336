# shellcheck shell=bash disable=SC2154  # run.sh says where things are
# The main job on a real machine: installed and started by user-data, prepared over the network, and
# as wanted after a reboot. The one guest of continuous integration.

scenario() {
  cluster_start || return 1
  expect 2 'blank, 4.0 GiB, serial vol0123456789abcdef0' "$bpactl" plan &&
    expect 0 'changed=7 failed=0' "$bpactl" apply --yes &&
    expect 0 'ok=7' "$bpactl" verify &&
    check_prepared || return 1
  guest_reboot && guest_settle && cluster_wait || return 1
  expect 0 'ok=7' "$bpactl" verify && check_prepared && check_boot
}

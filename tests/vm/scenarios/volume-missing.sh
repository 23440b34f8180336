# shellcheck shell=bash disable=SC2154  # run.sh says where things are
# A prepared node boots without its volume: it comes up without waiting for the device, says what is
# missing, and is as wanted again when the volume is back. Only the unit that the role names as one
# that must not run without the volume does not start.

unit='[Unit]
Description=Needs what is on the volume
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
[Install]
WantedBy=multi-user.target'

scenario() {
  cluster_start || return 1
  sed -i 's/filesystem: xfs,/& required_by: [needs-volume.service],/' "$BPA_HOME/cluster.yaml"
  in_guest '' "printf '%s\n' '$unit' >/etc/systemd/system/needs-volume.service &&
    systemctl enable --quiet needs-volume.service" &&
    expect 0 'x-systemd.required-by=needs-volume.service' "$bpactl" apply --yes &&
    guest_reboot && guest_settle && cluster_wait &&
    in_guest 'active' systemctl is-active needs-volume.service opt.mount &&
    expect 0 'ok=7' "$bpactl" verify && guest_shut_down || return 1
  # The gateway does not wait for what waits for the device.
  guest_boot --without-volume && cluster_wait && guest_settle || return 1
  in_guest 'active' systemctl is-active multi-user.target local-fs.target &&
    in_guest 'inactive' '! systemctl is-active needs-volume.service' &&
    in_guest 'Dependency failed' journalctl --boot --no-pager --unit=needs-volume.service &&
    expect 0 'yes' "$bpactl" nodes &&
    expect 3 "no disk of this node is $guest_volume_id" "$bpactl" verify &&
    # Nothing may land on the root disk by accident.
    expect 3 'skipped=5' "$bpactl" apply --yes &&
    in_guest 'absent' 'test ! -e /opt/bpa && echo absent' &&
    guest_shut_down || return 1
  guest_boot && guest_settle && cluster_wait &&
    in_guest 'active' systemctl is-active needs-volume.service &&
    expect 0 'ok=7' "$bpactl" verify
}

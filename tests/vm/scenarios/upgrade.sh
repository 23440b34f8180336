# shellcheck shell=bash disable=SC2154,SC2016,SC2034  # run.sh says where things are
# The package is upgraded in the middle of an apply: bpactl loses its connection with the gateway that
# is exchanged, asks again by itself, and the command ends as if nothing had happened.

# The same package as a newer version.
newer_package() {
  local tree=$guest_dir/newer
  dpkg-deb --raw-extract "$(cluster_package)" "$tree" &&
    sed -i 's/^Version: .*/Version: 99.0/' "$tree/DEBIAN/control" &&
    mkdir -p "$guest_dir/tree/root" &&
    dpkg-deb --build --root-owner-group -Znone "$tree" "$guest_dir/tree/root/newer.deb" >/dev/null
}

scenario() {
  # So much, and so slow a volume, that the apply takes longer than the upgrade: 20 s.
  guest_volume_options=,throttling.bps-write=16000000
  newer_package && cluster_start || return 1
  in_guest '' 'mkdir /opt/aws/large && cd /opt/aws/large &&
    for n in 1 2 3 4 5 6 7 8; do head -c 40000000 /dev/urandom >$n; done' || return 1
  local applying executor
  # Here the gateway is away for seconds, not for a moment.
  "$bpactl" apply --yes --retries 100 --connect-timeout 5m >"$guest_dir/apply.log" 2>&1 </dev/null &
  applying=$!
  until [[ $(stat -c %b "$guest_dir/volume.raw") -gt 0 ]]; do
    kill -0 "$applying" 2>/dev/null || break
    sleep 0.05
  done
  executor=$(guest_run systemctl show --property=MainPID --value bpa-executor)
  in_guest 'upgraded' 'dpkg --install /root/newer.deb && echo upgraded' || return 1
  kill -0 "$applying" 2>/dev/null || {
    guest_fail "the apply ended before the upgrade: $(cat "$guest_dir/apply.log")"
    return 1
  }
  wait "$applying" || {
    guest_fail "the apply did not outlast the upgrade: $(cat "$guest_dir/apply.log")"
    return 1
  }
  cat "$guest_dir/apply.log"
  in_guest '99.0' dpkg-query --show bpa-agent &&
    in_guest "started by process $executor" \
      'journalctl --boot --unit=bpa-executor --output=short | grep "mode=apply" | sed "s/.*bpa-executor\[\([0-9]*\)\].*/started by process \1/"' &&
    expect 0 'ok=7' "$bpactl" verify && check_prepared
}

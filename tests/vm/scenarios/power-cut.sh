# shellcheck shell=bash disable=SC2154  # run.sh says where things are
# The plug is pulled in the middle of an apply, twice: each time the node boots, and the same signed
# command, given again, finishes the work.

# Cuts the power as soon as the volume is written to: while it is formatted or filled.
cut_while_formatting() {
  until [[ $(stat -c %b "$guest_dir/volume.raw") -gt 0 ]]; do
    kill -0 "$1" 2>/dev/null || return 1
    sleep 0.01
  done
  guest_cut
}

# Cuts it when the volume is done and the directories have begun.
cut_after_mounting() {
  until grep -q 'volume /opt changed' "$guest_dir/apply.log"; do
    kill -0 "$1" 2>/dev/null || return 1
    sleep 0.01
  done
  guest_cut
}

apply_and() {
  local applying
  "$bpactl" apply --yes --signed "$guest_dir/command.dsse" >"$guest_dir/apply.log" 2>&1 </dev/null &
  applying=$!
  "$1" "$applying" || {
    guest_fail "the apply ended before the power was cut: $(cat "$guest_dir/apply.log")"
    return 1
  }
  # It has lost its node, and says that it does not know how it went.
  wait "$applying" && {
    guest_fail "the apply succeeded without a node: $(cat "$guest_dir/apply.log")"
    return 1
  }
  guest_boot && guest_settle && cluster_wait
}

scenario() {
  cluster_start &&
    expect 0 '' "$bpactl" apply --yes --write "$guest_dir/command.dsse" --valid-for 1h &&
    apply_and cut_while_formatting &&
    in_guest 'active' systemctl is-active multi-user.target &&
    apply_and cut_after_mounting &&
    in_guest 'active' systemctl is-active multi-user.target &&
    expect 0 'failed=0' "$bpactl" apply --yes --signed "$guest_dir/command.dsse" &&
    expect 0 'ok=7' "$bpactl" verify &&
    check_prepared
}

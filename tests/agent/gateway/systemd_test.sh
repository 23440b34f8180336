#!/usr/bin/env bash
# The units as systemd itself reads them, with what they start replaced by a program that exists.
# Usage: systemd_test.sh DIRECTORY_OF_UNITS
set -euo pipefail
units=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

sed 's|^ExecStart=/usr/sbin/bpa-.*|ExecStart=/bin/true|' "$units/bpa-gateway.service" \
  >"$scratch/bpa-gateway.service"
sed 's|^ExecStart=/usr/sbin/bpa-.*|ExecStart=/bin/true|' "$units/bpa-executor.service" \
  >"$scratch/bpa-executor.service"
sed 's|^ExecStart=/usr/sbin/bpa-.*|ExecStart=/bin/true|' "$units/bpa-agent-keys.service" \
  >"$scratch/bpa-agent-keys.service"
cp "$units/bpa-executor.socket" "$scratch/"

fail() {
  printf '%s\n' "$1" >&2
  exit 1
}

# Unknown settings and bad values are only warnings to systemd: here any word is too much.
verify() {
  systemd-analyze verify --man=no "$scratch/bpa-gateway.service" "$scratch/bpa-executor.socket" \
    "$scratch/bpa-executor.service" "$scratch/bpa-agent-keys.service" 2>&1
}
said=$(verify | grep -F 'bpa-' || true)
[[ -z $said ]] || fail "systemd-analyze verify: $said"

# exposed UNIT TENTHS: how much of the machine the unit can reach, at most.
exposed() {
  systemd-analyze security --offline=yes --threshold="$2" --no-pager "$scratch/$1" \
    >"$scratch/security" || fail "$1: $(tail -n 1 "$scratch/security"); allowed are tenths: $2"
}
exposed bpa-gateway.service 12
exposed bpa-executor.service 35
exposed bpa-agent-keys.service 14

# What the kernel must not kill for memory before guaranteed pods, which have -997.
for unit in gateway executor; do
  score=$(sed -n 's/^OOMScoreAdjust=//p' "$units/bpa-$unit.service")
  [[ $score -lt -997 ]] || fail "bpa-$unit.service: OOMScoreAdjust=$score"
done

# Each of these would keep the executor from its work on the host: it writes /proc/sys, disks, /etc
# and whatever directories the policy names.
if grep -E '^(ProtectKernelTunables|PrivateDevices|PrivateNetwork|ProtectProc|RestrictSUIDSGID)=|^ProtectSystem=(full|strict)' \
  "$units/bpa-executor.service"; then
  fail 'bpa-executor.service: this setting keeps it from what it is there for'
fi

# An ordering cycle makes systemd drop one of its units at boot: cloud-init and nodeadm come and go
# after and before these, so that nothing of ours may be ordered by them or pull them in.
if grep -hE '^(After|Before|Wants|Requires)=.*(cloud-|nodeadm|network-online)' "$units"/*.{service,socket}; then
  fail 'a unit is ordered by what boots the node'
fi

root=$scratch/root
mkdir -p "$root/etc" "$root/usr/lib"
cp -r "$units/sysusers.d" "$units/tmpfiles.d" "$root/usr/lib/"
systemd-sysusers --root="$root" bpa-agent.conf
grep -q '^bpa-agent:' "$root/etc/passwd" || fail 'sysusers made no bpa-agent'
systemd-tmpfiles --root="$root" --create bpa-agent.conf
[[ $(stat -c %a "$root/run/bpa-agent") == 750 ]] || fail 'tmpfiles made no /run/bpa-agent'
[[ $(stat -c %a "$root/var/lib/bpa-agent") == 700 ]] || fail 'tmpfiles made no /var/lib/bpa-agent'

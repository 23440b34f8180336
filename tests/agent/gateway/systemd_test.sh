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
cp "$units/bpa-executor.socket" "$scratch/"

fail() {
  printf '%s\n' "$1" >&2
  exit 1
}

# Unknown settings and bad values are only warnings to systemd: here any word is too much.
verify() {
  systemd-analyze verify --man=no "$scratch/bpa-gateway.service" "$scratch/bpa-executor.socket" \
    "$scratch/bpa-executor.service" 2>&1
}
said=$(verify | grep -F 'bpa-' || true)
[[ -z $said ]] || fail "systemd-analyze verify: $said"

# Exposure in tenths, of 100.
systemd-analyze security --offline=yes --threshold=25 --no-pager "$scratch/bpa-gateway.service" \
  >"$scratch/security" || fail "$(tail -n 3 "$scratch/security")"

# The executor mounts for the host: nothing may give it a mount namespace.
if grep -E '^(Private(Tmp|Devices|Mounts)|Protect(System|Home|KernelTunables)|(ReadOnly|ReadWrite|Inaccessible)Paths)=' \
  "$units/bpa-executor.service"; then
  fail 'bpa-executor.service: this setting cuts its mounts off from the host'
fi

root=$scratch/root
mkdir -p "$root/etc" "$root/usr/lib"
cp -r "$units/sysusers.d" "$units/tmpfiles.d" "$root/usr/lib/"
systemd-sysusers --root="$root" bpa-agent.conf
grep -q '^bpa-agent:' "$root/etc/passwd" || fail 'sysusers made no bpa-agent'
systemd-tmpfiles --root="$root" --create bpa-agent.conf
[[ $(stat -c %a "$root/run/bpa-agent") == 750 ]] || fail 'tmpfiles made no /run/bpa-agent'
[[ $(stat -c %a "$root/var/lib/bpa-agent") == 700 ]] || fail 'tmpfiles made no /var/lib/bpa-agent'

# shellcheck shell=bash
# What bpactl apply does, as an administrator would write it for ssh; run as
#   ssh NODE bash -s SERIAL PATH:MODE... < prepare_node.sh
# Idempotent: only what differs is changed.
set -euo pipefail
serial=$1
shift

found=$(grep -lx "$serial *" /sys/block/*/device/serial)
[[ $(wc -l <<<"$found") -eq 1 ]]
grep -qx 'Amazon Elastic Block Store *' "${found%serial}model"
disk=${found#/sys/block/}
disk=/dev/${disk%%/*}

[[ -n $(blkid -p -s TYPE -o value "$disk" || true) ]] || mkfs.xfs -q "$disk"
uuid=$(blkid -p -s UUID -o value "$disk")

if ! findmnt -rno SOURCE /opt >/dev/null; then
  new=$(mktemp -d)
  mount "$disk" "$new"
  cp -a /opt/. "$new/"
  diff -r --no-dereference /opt "$new"
  sync -f "$new"
  umount "$new"
  rmdir "$new"
fi
if ! grep -q "^UUID=$uuid /opt " /etc/fstab; then
  cp -a /etc/fstab /etc/fstab.new
  [[ -z $(tail -c 1 /etc/fstab) ]] || echo >>/etc/fstab.new
  echo "UUID=$uuid /opt xfs defaults,nofail,x-systemd.device-timeout=90s 0 0" >>/etc/fstab.new
  sync /etc/fstab.new
  mv /etc/fstab.new /etc/fstab
fi
findmnt -rno SOURCE /opt >/dev/null || mount "$disk" /opt

for entry in "$@"; do
  path=/opt/bpa/data/${entry%:*} mode=${entry#*:}
  mkdir -p "$path"
  [[ $(stat -c %a "$path") == "$mode" ]] || chmod "$mode" "$path"
done

wanted=262144
if [[ $(sysctl -n vm.max_map_count) -lt $wanted ]]; then sysctl -qw "vm.max_map_count=$wanted"; fi
if ! grep -qx 'vm.max_map_count = [0-9]*' /etc/sysctl.d/99-zz-bpa.conf 2>/dev/null; then
  echo "vm.max_map_count = $wanted" >/etc/sysctl.d/99-zz-bpa.conf
fi

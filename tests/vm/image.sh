#!/usr/bin/env bash
# Makes the guest's disk image and kernel in build/vm, unless they are there already: a Debian 12 whose
# PID 1 is systemd, with nothing of ours in it. As root; takes about a minute and a half.
#
#   tests/vm/image.sh [lean | cloud-init]
#
# lean        first boot is tests/vm/guest/first-boot, a stand-in for cloud-init
# cloud-init  first boot is Debian's cloud-init, reading a NoCloud seed
#
# No bootloader and no initramfs: QEMU starts the kernel, which has NVMe and ext4 built in.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
kind=${1:-lean}
work=$(cd "$here/../.." && pwd)/build/vm
mkdir -p "$work"

packages=(
  ca-certificates curl dbus e2fsprogs iproute2 kmod libgcc-s1 libssl3 libsystemd0 mount openssl procps
  systemd systemd-sysv udev xfsprogs zlib1g
)
[[ $kind == lean ]] || packages+=(cloud-init)

# Our own disk id, so that the kernel finds its root whatever number the NVMe controller gets.
disk_id=76747374
image_bytes=$((3 * 1024 * 1024 * 1024))

# Sets kernel_release. Only downloaded and unpacked: the machine that builds keeps its own kernel.
fetch_kernel() {
  local target=$1
  kernel_release=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null |
    sed -n 's/ *Depends: linux-image-//p')
  [[ -n $kernel_release ]] &&
    (cd "$target" && apt-get download "linux-image-$kernel_release" >"$work/apt.log" 2>&1)
}

make_kernel() {
  local target=$1
  # No lists of packages yet, or such as name a version that is gone.
  fetch_kernel "$target" || { apt-get update --quiet=2 && fetch_kernel "$target"; } || {
    echo "image.sh: linux-image-cloud-amd64 cannot be downloaded: $(tail -n 2 "$work/apt.log")" >&2
    return 1
  }
  dpkg-deb --extract "$target"/linux-image-*.deb "$target/unpacked"
  mv "$target/unpacked/boot/vmlinuz-$kernel_release" "$target/vmlinuz"
}

make_root() {
  local target=$1
  mmdebstrap --quiet --variant=minbase --include="$(IFS=,; echo "${packages[*]}")" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    bookworm "$target" >"$work/mmdebstrap.log" 2>&1 ||
    { tail -n 20 "$work/mmdebstrap.log" >&2; return 1; }
  rm -rf "$target"/var/cache/apt/* "$target"/var/lib/apt/lists/*
}

# What makes any Debian a guest of ours: network, the shell that the tests speak to, no log-in.
install_guest_files() {
  local root=$1 unit
  cp -r "$here/guest/etc" "$here/guest/usr" "$root/"
  : >"$root/etc/machine-id"
  echo bpa-guest >"$root/etc/hostname"
  printf '127.0.0.1 localhost\n10.0.2.15 bpa-guest\n' >"$root/etc/hosts"
  # As an image's own fstab would look: every foreign byte of it has to stay.
  printf '# made with the image\nPARTUUID=%s-01 / ext4 defaults,noatime 0 1\n' "$disk_id" \
    >"$root/etc/fstab"
  local wants=$root/etc/systemd/system
  mkdir -p "$wants/sockets.target.wants" "$wants/multi-user.target.wants"
  ln -s ../vm-shell.socket "$wants/sockets.target.wants/vm-shell.socket"
  mkdir -p "$wants/basic.target.wants"
  ln -s ../vm-payload.service "$wants/basic.target.wants/vm-payload.service"
  if [[ $kind == cloud-init ]]; then
    # The network is ours, and the same on each boot; locales are not in this image.
    printf 'network: {config: disabled}\nlocale: false\n' >"$root/etc/cloud/cloud.cfg.d/99-guest.cfg"
  else
    ln -s ../vm-first-boot.service "$wants/multi-user.target.wants/vm-first-boot.service"
  fi
  ln -sf /lib/systemd/system/multi-user.target "$wants/default.target"
  ln -s /lib/systemd/system/systemd-networkd.service "$wants/multi-user.target.wants/"
  for unit in systemd-networkd-wait-online.service apt-daily.timer apt-daily-upgrade.timer \
    e2scrub_all.timer e2scrub_reap.service fstrim.timer dpkg-db-backup.timer getty@tty1.service serial-getty@ttyS0.service \
    systemd-pstore.service; do
    ln -sf /dev/null "$wants/$unit"
  done
}

# What the base of an EKS worker has in /opt.
fill_opt() {
  local root=$1
  install -d -m 0755 "$root/opt/cni/bin" "$root/opt/aws/bin"
  install -m 0755 /usr/bin/true "$root/opt/cni/bin/loopback"
  install -m 0755 /usr/bin/cat "$root/opt/cni/bin/host-local"
  ln "$root/opt/cni/bin/host-local" "$root/opt/cni/bin/portmap"
  ln -s host-local "$root/opt/cni/bin/default-ipam"
  printf '#!/bin/sh\nexit 0\n' >"$root/opt/aws/bin/cfn-signal"
  chmod 0750 "$root/opt/aws/bin/cfn-signal"
}

# An MBR with one partition from the first MiB to the end.
write_partition_table() {
  local image=$1 sectors=$((image_bytes / 512 - 2048))
  printf 'label: dos\nlabel-id: 0x%s\nstart=2048, size=%d, type=83, bootable\n' "$disk_id" "$sectors" |
    sfdisk --quiet "$image"
}

build() {
  local target=$1
  make_kernel "$target"
  make_root "$target/root"
  mkdir -p "$target/root/lib/modules"
  mv "$target/unpacked/lib/modules/$kernel_release" "$target/root/lib/modules/"
  depmod --basedir "$target/root" "$kernel_release"
  install_guest_files "$target/root"
  fill_opt "$target/root"
  truncate --size "$image_bytes" "$target/disk.raw"
  write_partition_table "$target/disk.raw"
  mke2fs -q -t ext4 -d "$target/root" -E offset=1048576,lazy_itable_init=1,lazy_journal_init=1 \
    "$target/disk.raw" "$((image_bytes / 1024 - 1024))k"
  rm -rf "$target/root" "$target/unpacked" "$target"/*.deb
}

# A change to what goes in makes another image.
recipe=$(cd "$here" && find image.sh guest -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum |
  sha256sum | cut -c1-12)
made=$work/image-$kind-$recipe
if [[ ! -e $made/disk.raw ]]; then
  rm -rf "$work/image-$kind"-*
  mkdir "$made.new"
  build "$made.new"
  mv "$made.new" "$made"
fi
printf '%s\n' "$made"

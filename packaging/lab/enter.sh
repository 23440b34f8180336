#!/usr/bin/env bash
# Makes a lab host's view of the machine and becomes its PID 1. Runs inside the host's new
# namespaces; hosts.sh starts it. Arguments: the host's directory, its name.
set -euo pipefail
dir=$1
name=$2
root=$dir/root

# /proc still counts as the machine outside does, and that is where this id is needed.
read -r pid _ </proc/self/stat
printf '%s' "$pid" >"$dir/pid"

hostname "$name"
mount --bind "$root" "$root"
mount --bind /usr "$root/usr"
mount --bind "$dir/../usr-local" "$root/usr/local"
mount -o remount,bind,ro "$root/usr"
for top in bin sbin lib lib32 lib64 libx32; do
  if [[ -d /$top && ! -L /$top ]]; then mount --bind "/$top" "$root/$top"; fi
done

mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --bind "$dir/sysblock" "$root/sys/block"
mount -t tmpfs -o mode=0755 tmpfs "$root/run"
mkdir -p "$root/run/lab" "$root/run/lock" "$root/run/sshd"

mount -t tmpfs -o mode=0755,nosuid tmpfs "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/dev/shm"
mknod -m 0666 "$root/dev/null" c 1 3
mknod -m 0666 "$root/dev/zero" c 1 5
mknod -m 0666 "$root/dev/full" c 1 7
mknod -m 0666 "$root/dev/random" c 1 8
mknod -m 0666 "$root/dev/urandom" c 1 9
mknod -m 0666 "$root/dev/tty" c 5 0
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
read -r major minor <"$dir/disk-numbers"
mknod -m 0660 "$root/dev/nvme1n1" b "$major" "$minor"

mkdir "$root/.old"
cd "$root"
pivot_root . .old
umount -l /.old
rmdir /.old
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
  /usr/local/libexec/bpa-lab-init

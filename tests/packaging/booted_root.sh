# shellcheck shell=bash
# Sourced by install_test.sh: a throw-away machine whose root directory is this one's with an overlay
# in memory, in namespaces of its own, with systemd as PID 1 and without network.
#
#   root_make         the root directory, at $root; no systemd yet, as in a chroot
#   root_put FILE...  copies files to its /root
#   root_run CMD...   in it, by chroot
#   root_boot         starts systemd there
#   in_root CMD...    in it, once it is booted
#   root_remove       ends everything

root_work=$(mktemp -d)
root=$root_work/root
root_cgroup=
root_pid=

# All mounts are in one mount namespace that a sleeping process keeps.
root_make() {
  mkdir "$root"
  unshare --mount --propagation private sleep infinity &
  root_keeper=$!
  until [[ $(readlink "/proc/$root_keeper/ns/mnt") != "$(readlink /proc/self/ns/mnt)" ]]; do
    sleep 0.02
  done
  # shellcheck disable=SC2016  # expanded by the inner shell
  nsenter -t "$root_keeper" -m bash -euc '
    mount -t tmpfs -o mode=755 tmpfs "$1"
    cd "$1"
    mkdir upper work root
    mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work overlay root
    cd root
    mount -t tmpfs -o mode=755 tmpfs run
    mount -t tmpfs -o mode=1777 tmpfs tmp
    mount -t tmpfs -o mode=755 tmpfs opt
    mount -t proc proc proc
    mount -t tmpfs -o mode=755 tmpfs dev
    mkdir dev/pts dev/shm
    for device in null zero full random urandom tty; do
      touch "dev/$device"
      mount --bind "/dev/$device" "dev/$device"
    done
    mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
    ln -s pts/ptmx dev/ptmx
    ln -s /proc/self/fd dev/fd
    # Only what the test installs is to be started.
    rm -rf etc/systemd/system etc/bpa-agent var/lib/bpa-agent usr/sbin/policy-rc.d
    mkdir etc/systemd/system
    : >etc/machine-id
  ' _ "$root_work"
}

root_put() { nsenter -t "$root_keeper" -m cp "$@" "$root/root/"; }
root_run() { nsenter -t "$root_keeper" -m chroot "$root" "$@"; }

root_boot() {
  local hierarchy
  hierarchy=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
  root_cgroup=$hierarchy/bpa-root-$$
  mkdir "$root_cgroup"
  # shellcheck disable=SC2016  # expanded by the inner shells
  bash -c 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"' _ "$root_cgroup" \
    nsenter -t "$root_keeper" -m unshare --mount --pid --fork --cgroup --uts --ipc --net \
    --propagation private --kill-child bash -euc '
      ip link set lo up
      umount "$1/proc"
      mount -t proc proc "$1/proc"
      mount -t sysfs sysfs "$1/sys"
      mount -t cgroup2 cgroup2 "$1/sys/fs/cgroup"
      # Not chroot: services with mount namespaces of their own would look for their root above it.
      cd "$1"
      mkdir run/outside
      pivot_root . run/outside
      cd /
      umount --lazy /run/outside
      exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        /lib/systemd/systemd --unit=multi-user.target --show-status=no' _ "$root" \
    >"$root_work.log" 2>&1 </dev/null &
  root_starter=$!
  local tries
  for ((tries = 0; tries < 600; tries++)); do
    root_pid=$(cat /proc/"$root_starter"/task/*/children 2>/dev/null | tr -d ' ')
    if [[ -n $root_pid ]] && in_root systemctl is-system-running 2>/dev/null |
      grep -qxE 'running|degraded'; then
      return 0
    fi
    kill -0 "$root_starter" 2>/dev/null || break
    sleep 0.1
  done
  cat "$root_work.log" >&2
  return 1
}

in_root() { nsenter -t "$root_pid" -m -p -u -i -n -C -r -w "$@"; }

root_remove() {
  [[ -z $root_pid ]] || kill -KILL "$root_pid" 2>/dev/null
  [[ -z ${root_starter:-} ]] || wait "$root_starter" 2>/dev/null
  [[ -z ${root_keeper:-} ]] || kill "$root_keeper" 2>/dev/null
  if [[ -n $root_cgroup ]]; then
    # Deepest first; the kernel lets go of the last process a moment after its end.
    local tries
    for ((tries = 0; tries < 100; tries++)); do
      find "$root_cgroup" -depth -type d -exec rmdir {} + 2>/dev/null
      [[ -d $root_cgroup ]] || break
      sleep 0.05
    done
  fi
  rm -rf "$root_work" "$root_work.log"
}

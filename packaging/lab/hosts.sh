# shellcheck shell=bash
# Lab hosts: four EKS worker nodes on one Linux machine, for quickstart, system tests and bench.
#
# A host is a network, mount, PID, UTS and IPC namespace around a root directory of its own:
#   - /etc, /opt, /var, /tmp are plain directories of that root, as on a real node's root disk;
#     /usr is this machine's, read-only; /run, /dev, /proc, /sys are the host's own;
#   - /opt holds what an EKS node has there (cni/bin and friends) and /etc/fstab has foreign lines;
#   - the EBS volume is a sparse file on a loop device, seen as /dev/nvme1n1, and /sys/block says
#     serial and model as EBS does;
#   - PID 1 is init.sh, which keeps the gateway and the socket-activated executor running.
# Hosts reach this machine, and nothing else, over a bridge of ours.
#
# Settings, so that several labs can stand side by side:
#   BPA_LAB_PREFIX    names of namespaces and links: PREFIX1, PREFIX2, ...; at most 12 characters
#   BPA_LAB_SUBNET    first three parts of a free /24; host N is .1N, this machine .1
#   BPA_LAB_DIR       where the hosts' files live
#   BPA_LAB_BUILD     the build directory that has the programs
#   BPA_LAB_HOSTS     how many
#
# Source it, or use lab.sh. Every function returns non-zero and says why on stderr when it fails.

lab_source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${BPA_LAB_PREFIX:=bpa-node-}"
: "${BPA_LAB_SUBNET:=10.89.0}"
: "${BPA_LAB_DIR:=$lab_source_dir/build/quickstart/hosts}"
: "${BPA_LAB_BUILD:=$lab_source_dir/build/release}"
: "${BPA_LAB_HOSTS:=4}"
export BPA_LAB_PREFIX BPA_LAB_SUBNET BPA_LAB_DIR BPA_LAB_BUILD BPA_LAB_HOSTS

# A fixed id in the range that Debian leaves to local assignment, so that nothing on this machine
# has to be changed for it.
lab_agent_uid=64001
lab_disk_bytes=$((4 * 1024 * 1024 * 1024))

lab_fail() {
  printf 'lab: %s\n' "$*" >&2
  return 1
}

lab_name() { printf '%s%s' "$BPA_LAB_PREFIX" "$1"; }
lab_bridge() { printf '%sbr' "$BPA_LAB_PREFIX"; }
lab_address() { printf '%s.%d' "$BPA_LAB_SUBNET" $((10 + $1)); }
lab_numbers() { seq 1 "$BPA_LAB_HOSTS"; }
# The id of host N's EBS volume, and how NVMe spells it.
lab_volume_id() { printf 'vol-0b9a11e5c0ffee%03d' "$1"; }
lab_serial() { printf 'vol0b9a11e5c0ffee%03d' "$1"; }
# Host N's root directory as this machine sees it: what lies beneath the host's mounts.
lab_root() { printf '%s/%s/root' "$BPA_LAB_DIR" "$1"; }

# The process id of host N's PID 1; fails if the host does not run. The recorded id counts only
# while that process lives in the host's network namespace: ids are reused.
lab_pid() {
  local pid
  pid=$(cat "$BPA_LAB_DIR/$1/pid" 2>/dev/null) || return 1
  [[ $(stat -Lc %i "/proc/$pid/ns/net" 2>/dev/null) == \
    $(stat -Lc %i "/run/netns/$(lab_name "$1")" 2>/dev/null) ]] || return 1
  printf '%s' "$pid"
}

# lab_enter N COMMAND...: runs a command inside host N as its root user.
lab_enter() {
  local pid
  pid=$(lab_pid "$1") || {
    lab_fail "host $(lab_name "$1") does not run"
    return 1
  }
  shift
  nsenter --target "$pid" --mount --uts --ipc --net --pid --root --wdns=/ -- \
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    LANG=C.UTF-8 "$@"
}

# lab_agent_pids N NAME: process ids, as this machine counts, of a program in host N.
lab_agent_pids() {
  local pid
  for pid in $(ip netns pids "$(lab_name "$1")" 2>/dev/null); do
    if [[ $(cat "/proc/$pid/comm" 2>/dev/null) == "$2" ]]; then printf '%s\n' "$pid"; fi
  done
}

lab_check_settings() {
  [[ $EUID -eq 0 ]] || {
    lab_fail "namespaces and loop devices need root: run it with sudo"
    return 1
  }
  [[ $BPA_LAB_PREFIX =~ ^[a-z][a-z0-9-]{0,11}$ ]] || {
    lab_fail "BPA_LAB_PREFIX='$BPA_LAB_PREFIX': use 1 to 12 of a-z, 0-9 and '-'"
    return 1
  }
  [[ $BPA_LAB_SUBNET =~ ^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$ ]] || {
    lab_fail "BPA_LAB_SUBNET='$BPA_LAB_SUBNET': give the first three parts of a /24, as in 10.89.0"
    return 1
  }
}

lab_check_subnet_is_free() {
  local used
  used=$(ip -4 -o address show to "$BPA_LAB_SUBNET.0/24"
    ip -4 route show root "$BPA_LAB_SUBNET.0/24"
    ip -4 route show match "$BPA_LAB_SUBNET.0/24" | grep -v '^default')
  [[ -z $used ]] || {
    lab_fail "$BPA_LAB_SUBNET.0/24 is in use on this machine ($used):" \
      "set BPA_LAB_SUBNET to the first three parts of a free /24"
    return 1
  }
}

# Makes the bridge and copies the programs; then lab_up_host for each.
lab_up() {
  lab_check_settings && lab_check_subnet_is_free || return 1
  local bridge n
  bridge=$(lab_bridge)
  mkdir -p "$BPA_LAB_DIR" && chmod 0700 "$BPA_LAB_DIR" || return 1
  lab_install_programs || return 1
  ip link add "$bridge" type bridge stp_state 0 forward_delay 0 &&
    ip address add "$BPA_LAB_SUBNET.1/24" dev "$bridge" &&
    ip link set "$bridge" up || return 1
  for n in $(lab_numbers); do
    lab_up_host "$n" || return 1
  done
}

# What all hosts see as /usr/local. The programs may be missing: hosts for the bench's baselines.
lab_install_programs() {
  local shared=$BPA_LAB_DIR/usr-local program
  mkdir -p "$shared/sbin" "$shared/libexec" &&
    install -m 0755 "$lab_source_dir/packaging/lab/init.sh" "$shared/libexec/bpa-lab-init" &&
    install -m 0755 "$lab_source_dir/packaging/lab/listen.sh" "$shared/libexec/bpa-lab-listen" ||
    return 1
  for program in agent/gateway/bpa-gateway agent/executor/bpa-executor; do
    [[ ! -x $BPA_LAB_BUILD/$program ]] ||
      install -m 0755 "$BPA_LAB_BUILD/$program" "$shared/sbin/" || return 1
  done
}

lab_up_host() {
  local n=$1 name dir link
  name=$(lab_name "$n") dir=$BPA_LAB_DIR/$n link=${BPA_LAB_PREFIX}v$n
  mkdir -p "$dir" &&
    lab_make_root "$n" &&
    lab_make_disk "$n" &&
    ip netns add "$name" &&
    ip link add "$link" type veth peer name eth0 netns "$name" &&
    ip link set "$link" master "$(lab_bridge)" up &&
    ip -n "$name" address add "$(lab_address "$n")/24" dev eth0 &&
    ip -n "$name" link set eth0 up &&
    ip -n "$name" link set lo up || return 1
  # A session of its own: Ctrl-C in the terminal is for whoever uses the lab, who then takes it down.
  nsenter --net="/run/netns/$name" setsid \
    unshare --mount --uts --ipc --pid --fork --kill-child --propagation private \
    "$lab_source_dir/packaging/lab/enter.sh" "$dir" "$name" \
    </dev/null >"$dir/log" 2>&1 &
  disown
  lab_wait_for "$(lab_root "$n")/var/log/bpa-lab.ready" 20 || {
    lab_fail "host $name did not start: $(tail -n 3 "$dir/log" 2>/dev/null)"
    return 1
  }
}

# lab_wait_for FILE SECONDS
lab_wait_for() {
  local i
  for ((i = 0; i < $2 * 50; i++)); do
    [[ ! -e $1 ]] || return 0
    sleep 0.02
  done
  return 1
}

# The host's root directory, all but what enter.sh mounts.
lab_make_root() {
  local n=$1 root name
  root=$(lab_root "$n")
  name=$(lab_name "$n")
  mkdir -p "$root"/{dev,home,mnt,proc,root,run,srv,sys,tmp,usr} \
    "$root"/var/{cache,lib,log,tmp} &&
    chmod 0700 "$root/root" && chmod 1777 "$root/tmp" "$root/var/tmp" &&
    ln -s /run "$root/var/run" &&
    install -d -m 0700 "$root/var/lib/bpa-agent" &&
    cp -a /etc "$root/etc" || return 1
  local top
  for top in bin sbin lib lib32 lib64 libx32; do
    if [[ -L /$top ]]; then
      cp -a "/$top" "$root/$top"
    elif [[ -d /$top ]]; then
      mkdir "$root/$top"
    fi
  done
  rm -rf "$root/etc/bpa-agent" "$root/etc/sysctl.d/99-zz-bpa.conf"
  printf '%s\n' "$name" >"$root/etc/hostname"
  printf '127.0.0.1 localhost\n%s %s\n' "$(lab_address "$n")" "$name" >"$root/etc/hosts"
  lab_add_agent_user "$root"
  mkdir -p "$BPA_LAB_DIR/$n/pristine/opt" &&
    lab_write_fstab "$BPA_LAB_DIR/$n/pristine/fstab" &&
    lab_fill_opt "$BPA_LAB_DIR/$n/pristine/opt" &&
    cp -a "$BPA_LAB_DIR/$n/pristine/fstab" "$root/etc/fstab" &&
    cp -a "$BPA_LAB_DIR/$n/pristine/opt" "$root/opt"
}

lab_add_agent_user() {
  local file
  for file in passwd group shadow gshadow; do
    [[ ! -f $1/etc/$file ]] || sed -i '/^bpa-agent:/d' "$1/etc/$file"
  done
  printf 'bpa-agent:x:%s:%s::/nonexistent:/usr/sbin/nologin\n' \
    "$lab_agent_uid" "$lab_agent_uid" >>"$1/etc/passwd"
  printf 'bpa-agent:x:%s:\n' "$lab_agent_uid" >>"$1/etc/group"
}

# What others put there and must stay byte for byte: comments, odd spacing, an escaped blank, and no
# newline at the end.
lab_write_fstab() {
  printf '%s\n' \
    '# /etc/fstab: made with the image; see fstab(5)' \
    'UUID=6c1ad2bb-3f44-4d5e-9d1c-0f7a35a1b0c1 /           xfs    defaults,noatime  1   1' \
    '' \
    '	# scratch space, ask storage@ before touching' \
    'LABEL=scratch	/mnt/scratch\040space	ext4	noauto,user	0	0' >"$1" &&
    printf '%s' 'tmpfs /srv/cache tmpfs noauto,size=16m 0 0 # last line, no newline' >>"$1"
}

# What an EKS node's image and its CNI have in /opt: executables, a hard link, a symbolic link, an
# extended attribute, times and modes that a careless copy would lose.
lab_fill_opt() {
  local bin=$1/cni/bin
  install -d -m 0755 "$bin" "$1/aws/bin" && install -d -m 0711 "$1/containerd" &&
    install -m 0755 /usr/bin/true "$bin/loopback" &&
    install -m 0755 /usr/bin/cat "$bin/host-local" &&
    install -m 0750 /usr/bin/env "$bin/aws-cni" &&
    ln "$bin/host-local" "$bin/portmap" &&
    ln -s host-local "$bin/default-ipam" &&
    printf '#!/bin/sh\nexit 0\n' >"$1/aws/bin/cfn-signal" &&
    chmod 4755 "$1/aws/bin/cfn-signal" &&
    chown 0:"$lab_agent_uid" "$bin/aws-cni" &&
    setfattr -n user.origin -v amazon-vpc-cni "$bin/aws-cni" &&
    touch -h -d '2025-03-01 10:20:30.123456789 UTC' "$bin"/* "$1/aws/bin/cfn-signal" "$bin" "$1/cni"
}

# One line for each thing beneath DIRECTORY with all that a migration has to keep; two trees are
# the same if their lists are.
lab_list_tree() (
  cd "$1" || exit 1
  find . -mindepth 1 -printf '%P %y %m %U:%G %l %n ' \
    \( -type d -printf '\n' -o -printf '%s %T@\n' \) | LC_ALL=C sort
  find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum
  find . -mindepth 1 -print0 | LC_ALL=C sort -z | xargs -0r getfattr --no-dereference -d -m - 2>&1
)

lab_make_disk() {
  local n=$1 dir=$BPA_LAB_DIR/$1 loop
  truncate -s "$lab_disk_bytes" "$dir/disk.img" || return 1
  loop=$(losetup --find --show "$dir/disk.img") || {
    lab_fail "no loop device for $dir/disk.img: is the loop driver there (modprobe loop)?"
    return 1
  }
  printf '%s' "$loop" >"$dir/loop"
  stat -c '%Hr %Lr' "$loop" >"$dir/disk-numbers"
  lab_write_sysblock "$n"
}

lab_write_sysblock() {
  local device=$BPA_LAB_DIR/$1/sysblock/nvme1n1
  mkdir -p "$device/device"
  # sysfs pads both as the controller does.
  printf '%-20s\n' "$(lab_serial "$1")" >"$device/device/serial"
  printf '%-40s\n' 'Amazon Elastic Block Store' >"$device/device/model"
  local major minor
  read -r major minor <"$BPA_LAB_DIR/$1/disk-numbers"
  printf '%s:%s\n' "$major" "$minor" >"$device/dev"
  printf '%s\n' $((lab_disk_bytes / 512)) >"$device/size"
}

# The volume as EC2 would take it away from a running node, and give it back.
lab_detach() {
  lab_enter "$1" rm -f /dev/nvme1n1 && rm -rf "$BPA_LAB_DIR/$1/sysblock/nvme1n1"
}
lab_attach() {
  local major minor
  read -r major minor <"$BPA_LAB_DIR/$1/disk-numbers"
  lab_enter "$1" mknod -m 0660 /dev/nvme1n1 b "$major" "$minor" && lab_write_sysblock "$1"
}

# lab_hold N SERVICE (gateway or executor): stops it and keeps it stopped; lab_release starts it.
lab_hold() {
  local pid
  lab_enter "$1" touch "/run/lab/$2.hold" || return 1
  for pid in $(lab_agent_pids "$1" "bpa-$2"); do lab_kill "$pid"; done
}
lab_release() { lab_enter "$1" rm -f "/run/lab/$2.hold"; }

# Kills one process of a host and waits until it is gone.
lab_kill() {
  kill -KILL "$1" 2>/dev/null
  local i
  for ((i = 0; i < 500; i++)); do
    [[ -e /proc/$1/stat && $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) != Z* ]] || return 0
    sleep 0.01
  done
  lab_fail "process $1 does not end"
}

# lab_reset N: the node as it was before any command: blank disk, old /opt, foreign fstab, no
# drop-in, no journal. `--keep-filesystem` leaves the disk formatted.
lab_reset() {
  local n=$1 keep=${2:-} root pid i
  root=$(lab_root "$n")
  lab_hold "$n" executor || return 1
  for ((i = 0; i < 100; i++)); do
    lab_enter "$n" findmnt -rn /opt >/dev/null || break
    lab_enter "$n" umount /opt || {
      sleep 0.05
      continue
    }
  done
  if [[ $keep != --keep-filesystem ]]; then
    blkdiscard --force "$(cat "$BPA_LAB_DIR/$n/loop")" 2>/dev/null || return 1
  fi
  rm -rf "$root/opt" "$root/etc/sysctl.d/99-zz-bpa.conf" &&
    find "$root/var/lib/bpa-agent" -mindepth 1 -delete &&
    cp -a "$BPA_LAB_DIR/$n/pristine/opt" "$root/opt" &&
    cp -a "$BPA_LAB_DIR/$n/pristine/fstab" "$root/etc/fstab" &&
    lab_release "$n" executor
}

# Removes everything that lab_up made, whole or in part, also after a crash. Silent when there is
# nothing. Only what carries our prefix or lies in BPA_LAB_DIR is touched.
lab_down() {
  lab_check_settings || return 1
  local name pid link loop file
  for name in $(ip netns list 2>/dev/null | awk '{print $1}'); do
    [[ $name =~ ^"$BPA_LAB_PREFIX"[0-9]+$ ]] || continue
    # PID 1 of the host takes all of its processes along; others may have entered the namespace.
    if pid=$(lab_pid "${name#"$BPA_LAB_PREFIX"}"); then lab_kill "$pid"; fi
    for pid in $(ip netns pids "$name"); do lab_kill "$pid"; done
    ip netns delete "$name"
  done
  for link in $(ip -o link show | awk -F': ' '{print $2}' | cut -d@ -f1); do
    [[ $link =~ ^"$BPA_LAB_PREFIX"(v[0-9]+|br)$ ]] || continue
    # The peer's end may have gone with its namespace in the meantime.
    ip link delete "$link" 2>/dev/null || [[ ! -e /sys/class/net/$link ]]
  done
  while read -r loop file; do
    [[ $file == "$BPA_LAB_DIR"/*/disk.img* ]] || continue
    losetup --detach "$loop"
  done < <(losetup --list --noheadings --output NAME,BACK-FILE)
  rm -rf "$BPA_LAB_DIR"
}

# shellcheck shell=bash
# One emulated machine at a time: to be sourced, with
#   guest_image   the directory that image.sh printed
#   guest_dir     an empty directory for this machine's disks and logs
#
# Nothing leaves this machine: the guest's network is QEMU's own, restricted, and only two ports of
# the guest are reachable, on 127.0.0.1. Nothing of ours but QEMU's process outlives a crash of the
# test, and the trap of run.sh ends that. Every function fails with a message on stderr.

: "${guest_image=}" "${guest_dir=}"
guest_volume_id=vol-0123456789abcdef0
guest_memory_mib=1024
# Of QEMU's -drive for the volume, each with a comma before it.
guest_volume_options=
# Seconds. No promise: a machine that others use as well is slow to emulate one.
guest_patience=600
guest_pid=
guest_shell_port=
guest_agent_port=

guest_fail() {
  printf 'guest: %s\n' "$*" >&2
  return 1
}

# Below the ports that the kernel hands out, and nobody's now.
guest_free_port() {
  local port
  for _ in {1..100}; do
    port=$((20000 + RANDOM % 12000))
    [[ -n $(ss --no-header --listening --tcp --numeric "sport = :$port") ]] || {
      printf '%s' "$port"
      return
    }
  done
  guest_fail 'no free port between 20000 and 32000'
}

guest_choose_ports() {
  guest_shell_port=$(guest_free_port) && guest_agent_port=$(guest_free_port)
}

# guest_make FILES...: the machine's disks: a root disk over the image, a blank volume, and a payload
# that the first boot unpacks in /. FILES are directories whose contents are laid into /.
guest_make() {
  mkdir -p "$guest_dir/payload" && rm -f "$guest_dir"/*.{qcow2,raw,tar} || return 1
  local tree
  for tree in "$@"; do cp -a "$tree/." "$guest_dir/payload/" || return 1; done
  qemu-img create -q -f qcow2 -F raw -b "$guest_image/disk.raw" "$guest_dir/root.qcow2" &&
    truncate --size 4G "$guest_dir/volume.raw" &&
    tar --create --owner=0 --group=0 --numeric-owner --file="$guest_dir/payload.tar" \
      --directory="$guest_dir/payload" .
}

guest_kernel_arguments() {
  local unit arguments=(
    root=PARTUUID=76747374-01 rootfstype=ext4 rootwait rw console=ttyS0 quiet loglevel=3
    systemd.show_status=false mitigations=off init_on_alloc=0 audit=0 apparmor=0 selinux=0 nokaslr
    no_timer_check tsc=reliable cryptomgr.notests random.trust_cpu=on net.ifnames=0
    rcupdate.rcu_expedited=1
  )
  for unit in dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
    modprobe@configfs.service modprobe@drm.service modprobe@fuse.service modprobe@dm_mod.service \
    modprobe@loop.service modprobe@efi_pstore.service systemd-random-seed.service \
    systemd-firstboot.service systemd-binfmt.service systemd-logind.service \
    systemd-update-utmp.service systemd-update-utmp-runlevel.service; do
    arguments+=("systemd.mask=$unit")
  done
  printf '%s' "${arguments[*]}"
}

# guest_boot [--without-volume] [QEMU ARGUMENT...]: starts the machine; returns when it takes commands.
guest_boot() {
  local devices=()
  if [[ ${1:-} == --without-volume ]]; then
    shift
  else
    devices=(-drive "if=none,id=volume,file=$guest_dir/volume.raw,format=raw,cache=writeback$guest_volume_options"
      -device "nvme,serial=${guest_volume_id/-/},drive=volume")
  fi
  local forwards="hostfwd=tcp:127.0.0.1:$guest_shell_port-:2222"
  forwards+=",hostfwd=tcp:127.0.0.1:$guest_agent_port-:$guest_agent_port"
  setsid qemu-system-x86_64 -machine q35 -accel tcg,thread=multi,tb-size=512 -cpu qemu64,svm=off -smp 2 \
    -m "$guest_memory_mib" -nodefaults -display none -serial "file:$guest_dir/console" \
    -kernel "$guest_image/vmlinuz" -append "$(guest_kernel_arguments)" \
    -drive "if=none,id=root,file=$guest_dir/root.qcow2,format=qcow2" \
    -device nvme,serial=guest-root,drive=root \
    -drive "if=none,id=payload,file=$guest_dir/payload.tar,format=raw,readonly=on" \
    -device virtio-blk-pci,drive=payload,serial=payload \
    -netdev "user,id=net,restrict=on,$forwards" -device virtio-net-pci,netdev=net,romfile= \
    "${devices[@]}" "$@" </dev/null >"$guest_dir/qemu.log" 2>&1 &
  guest_pid=$!
  disown
  guest_wait
}

# Until the guest takes commands.
guest_wait() {
  local until=$((SECONDS + guest_patience))
  while ((SECONDS < until)); do
    [[ -d /proc/$guest_pid ]] || {
      guest_fail "QEMU has ended: $(tail -n 5 "$guest_dir/qemu.log")"
      return 1
    }
    [[ $(guest_run_within 10 echo up 2>/dev/null) == up ]] && return 0
    sleep 0.3
  done
  guest_fail "no answer after $guest_patience s; its console ends: $(tail -n 5 "$guest_dir/console")"
}

# guest_run COMMAND...: runs a shell command as the guest's root user; its output and exit code.
guest_run() { guest_run_within "$guest_patience" "$@"; }
guest_run_within() {
  local limit=$1 output
  shift
  # The words may contain anything but are one script: what reads standard input must not eat it.
  output=$(printf '( %s\n) </dev/null 2>&1\nprintf "\\nvm-exit %%d\\n" $?\n' "$*" |
    timeout "$limit" socat -t "$limit" - "TCP:127.0.0.1:$guest_shell_port" 2>/dev/null)
  [[ $output =~ (^|$'\n')'vm-exit '([0-9]+)$ ]] || return 125
  local code=${BASH_REMATCH[2]}
  output=${output%vm-exit *}
  output=${output%$'\n'}
  [[ -z $output ]] || printf '%s\n' "${output%$'\n'}"
  return "$code"
}

# guest_await COMMAND...: until the command succeeds in the guest.
guest_await() {
  local until=$((SECONDS + guest_patience))
  while ((SECONDS < until)); do
    guest_run "$@" >/dev/null && return 0
    sleep 0.5
  done
  guest_fail "after $guest_patience s still not so: $*: $(guest_run "$@")"
}

# Until everything that the boot starts has started or failed.
guest_settle() { guest_await '! systemctl is-system-running --wait | grep -q starting'; }

# For a scenario that has failed: what the guest can tell.
guest_evidence() {
  printf -- '-- the console ends\n%s\n' "$(tail -n 20 "$guest_dir/console" 2>/dev/null)"
  [[ -n $guest_pid && -d /proc/$guest_pid ]] || return 0
  guest_run 'systemctl --no-pager --failed; systemctl --no-pager status bpa-gateway bpa-executor opt.mount
    journalctl --boot --no-pager --lines=60' | sed 's/^/-- /'
}

# Reboots as an administrator would, and returns when the guest takes commands again.
guest_reboot() {
  local before
  before=$(guest_run cat /proc/sys/kernel/random/boot_id) || return 1
  guest_run 'systemctl reboot' >/dev/null
  local until=$((SECONDS + guest_patience)) now
  while ((SECONDS < until)); do
    now=$(guest_run_within 10 cat /proc/sys/kernel/random/boot_id)
    [[ ${#now} -ne 36 || $now == "$before" ]] || return 0
    sleep 0.5
  done
  guest_fail "did not come back; its console ends: $(tail -n 5 "$guest_dir/console")"
}

# Pulls the plug: what the guest has not flushed is gone.
guest_cut() {
  [[ -n $guest_pid ]] || return 0
  kill -KILL "$guest_pid" 2>/dev/null
  while [[ -d /proc/$guest_pid ]]; do sleep 0.05; done
  guest_pid=
}

# Shuts down in order, so that the next boot is an ordinary one.
guest_shut_down() {
  guest_run 'systemctl poweroff' >/dev/null
  local until=$((SECONDS + guest_patience))
  while [[ -d /proc/$guest_pid ]]; do
    ((SECONDS < until)) || {
      guest_fail 'does not shut down'
      return 1
    }
    sleep 0.2
  done
  guest_pid=
}

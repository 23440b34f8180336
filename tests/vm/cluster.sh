# shellcheck shell=bash
# The guest as the one node of a cluster of bpactl's; to be sourced after guest.sh, with BPA_HOME set
# and `bpactl` naming the program.

: "${top:?}" "${build:?}" "${bpactl:?}" "${guest_dir:?}" "${guest_volume_id:?}" "${guest_agent_port=}" "${guest_patience:?}"

# init for the guest: it differs from a node of EC2 in the model of its volume.
cluster_init() {
  sed 's/Amazon Elastic Block Store/QEMU NVMe Ctrl/' "$top/packaging/default-policy.yaml" \
    >"$guest_dir/policy.yaml" &&
    "$bpactl" init --bundles --cluster bpa-vm --policy "$guest_dir/policy.yaml" \
      "node-1=127.0.0.1:$guest_agent_port,role=bpa-node-1,volume=$guest_volume_id" >/dev/null
}

# The agent as the packages install it, into a tree that becomes the payload, with user-data that
# starts it.
cluster_payload() {
  local tree=$1 build=$2
  install -d "$tree/usr/sbin" "$tree/usr/lib/systemd/system" "$tree/var/lib/vm" "$tree/etc" &&
    install -m 0755 "$build/agent/gateway/bpa-gateway" "$build/agent/executor/bpa-executor" \
      "$tree/usr/sbin/" &&
    cp "$top"/systemd/*.{service,socket} "$tree/usr/lib/systemd/system/" &&
    cp -r "$top"/systemd/sysusers.d "$top"/systemd/tmpfiles.d "$tree/usr/lib/" &&
    cp -a "$BPA_HOME/nodes/node-1/agent" "$tree/etc/bpa-agent" || return 1
  cat >"$tree/var/lib/vm/user-data" <<'TEXT'
Content-Type: multipart/mixed; boundary="BPA"
MIME-Version: 1.0

--BPA
Content-Type: text/x-shellscript; charset="us-ascii"

#!/bin/sh
set -e
systemd-sysusers
systemd-tmpfiles --create bpa-agent.conf
systemctl daemon-reload
systemctl enable bpa-executor.socket bpa-gateway.service
systemctl start --no-block bpa-executor.socket bpa-gateway.service
--BPA--
TEXT
}

# expect CODE WORDS COMMAND...: the exit code and a part of the output that were promised.
expect() {
  local wanted=$1 words=$2 code output
  shift 2
  output=$("$@" 2>&1 </dev/null) && code=0 || code=$?
  printf '+ %s\n%s\n' "$*" "$output"
  [[ $code -eq $wanted ]] || {
    printf 'FAILED: exit code %s, and %s was promised\n' "$code" "$wanted" >&2
    return 1
  }
  [[ $output == *"$words"* ]] || {
    printf 'FAILED: does not say "%s"\n' "$words" >&2
    return 1
  }
}

# in_guest WORDS COMMAND...: the command succeeds in the guest and says the words.
in_guest() {
  local words=$1
  shift
  expect 0 "$words" guest_run "$*"
}

# Until the node answers over the network.
cluster_wait() {
  local until=$((SECONDS + guest_patience))
  while ((SECONDS < until)); do
    "$bpactl" nodes >/dev/null 2>&1 && return 0
    sleep 0.5
  done
  "$bpactl" nodes
  guest_fail "the node does not answer: $(guest_run 'systemctl status bpa-gateway bpa-executor')"
}

# A fresh guest whose first boot has installed the agent, and which answers.
cluster_start() {
  guest_choose_ports && cluster_init && cluster_payload "$guest_dir/tree" "$build" &&
    guest_make "$guest_dir/tree" && guest_boot && cluster_wait
}

# shellcheck disable=SC2016  # the guest's shell expands it
guest_compare_opt='list() {
    cd "$1" && find . -path ./bpa -prune -o -mindepth 1 \
      \( -type d -printf "%p %y %m %U:%G\n" -o -printf "%p %y %m %U:%G %l %n %s %T@\n" \) | sort
  }
  mkdir -p /run/root && mount --bind / /run/root && diff <(list /run/root/opt) <(list /opt) &&
    diff -r /run/root/opt/cni /opt/cni && umount /run/root && echo same'

# What a person would look at on a prepared node; nothing here asks our own programs.
check_prepared() {
  local uuid fstab
  in_guest 'active' systemctl is-active opt.mount &&
    in_guest '/dev/nvme1n1 /opt xfs' 'findmnt --task 1 --noheadings --output SOURCE,TARGET,FSTYPE /opt | tr -s " "' &&
    # Also for a service with a mount namespace of its own.
    in_guest '/dev/nvme1n1' systemd-run --quiet --wait --pipe --property=ProtectSystem=strict \
      --property=PrivateTmp=yes findmnt --noheadings --output SOURCE /opt || return 1
  uuid=$(guest_run 'blkid -p -s UUID -o value /dev/nvme1n1')
  # Our line, the image's own lines as they were, and nothing else.
  fstab=$(guest_run 'cat /etc/fstab')
  [[ $fstab == $'# made with the image\nPARTUUID='*$' / ext4 defaults,noatime 0 1\n'"UUID=$uuid /opt xfs "*",nofail,"*"x-bpa.volume=$guest_volume_id 0 0" ]] || {
    guest_fail "/etc/fstab is not right: $fstab"
    return 1
  }
  in_guest '' findmnt --verify &&
    in_guest 'kafka1 777 zookeeper1 777 zookeeper4 777 zookeeper5 777' \
      'cd /opt/bpa/data && find * -maxdepth 0 -type d -printf "%f %m\n" | sort | xargs' &&
    # What was in the old /opt, beneath the mount, is on the volume with all that belongs to it.
    in_guest 'same' "$guest_compare_opt" &&
    in_guest '262144' cat /proc/sys/vm/max_map_count &&
    in_guest '0 denied' 'journalctl --boot --unit=bpa-executor --grep="denied|not permitted" --quiet | wc -l | sed "s/$/ denied/"'
}

# Nothing waits for anything in a circle, and nothing that was to start has failed.
check_boot() {
  in_guest '0 cycles' 'journalctl --boot --grep="ordering cycle" --quiet | wc -l | sed "s/$/ cycles/"' &&
    in_guest 'running' systemctl is-system-running &&
    in_guest '' 'systemctl show --property=Id,MemoryCurrent,ActiveEnterTimestampMonotonic,InactiveExitTimestampMonotonic bpa-gateway bpa-executor; systemd-analyze'
}

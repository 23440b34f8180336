# shellcheck shell=bash
# The guest as the one node of a cluster of bpactl's; to be sourced after guest.sh, with BPA_HOME set
# and `bpactl` naming the program.

: "${top:?}" "${build:?}" "${bpactl:?}" "${guest_dir:?}" "${guest_volume_id:?}" "${guest_agent_port=}" "${guest_patience:?}"

# init for the guest: it differs from a node of EC2 in the model of its volume.
cluster_init() {
  sed 's/Amazon Elastic Block Store/QEMU NVMe Ctrl/' "$top/packaging/default-policy.yaml" \
    >"$guest_dir/policy.yaml" &&
    "$bpactl" init --cluster bpa-vm \
      "node-1=127.0.0.1:$guest_agent_port,role=bpa-node-1,volume=$guest_volume_id" >/dev/null
}

# The package that the build made.
cluster_package() {
  local found=("$top"/build/packages/bpa-agent_*_amd64.deb)
  [[ -f ${found[0]} ]] || {
    guest_fail "no bpa-agent_*_amd64.deb in build/packages: run packaging/build-packages.sh"
    return 1
  }
  printf '%s' "${found[0]}"
}

# The package at /root/bpa-agent.deb, and the user-data that installs it from there, in a tree that
# becomes the payload. What bpactl printed is what the guest runs.
cluster_payload() {
  local tree=$1 package
  package=$(cluster_package) && install -D -m 0644 "$package" "$tree/root/bpa-agent.deb" &&
    mkdir -p "$tree/var/lib/vm" &&
    "$bpactl" user-data node-1 --policy "$guest_dir/policy.yaml" --package /root/bpa-agent.deb \
      --package-file "$package" --out "$tree/var/lib/vm/user-data"
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

# A fresh guest whose first boot has installed the agent, and which is enrolled.
cluster_start() {
  guest_choose_ports && cluster_init && cluster_payload "$guest_dir/tree" &&
    guest_make "$guest_dir/tree" && guest_boot && cluster_enroll
}

# The bastion knows of the node only what user-data was given.
cluster_enroll() {
  expect 0 'node-1  enrolled' "$bpactl" enroll --wait 10m && cluster_wait &&
    in_guest 'gone' 'test ! -e /etc/bpa-agent/join.secret && echo gone'
}

# shellcheck disable=SC2016  # the guest's shell expands it
guest_compare_opt='list() {
    cd "$1" && find . -path ./bpa -prune -o -mindepth 1 \
      \( -type d -printf "%p %y %m %U:%G\n" -o -printf "%p %y %m %U:%G %l %n %s %T@\n" \) | sort
  }
  mkdir -p /run/root && mount --bind / /run/root && diff <(list /run/root/opt) <(list /opt) &&
    diff -r /run/root/opt/cni /opt/cni && umount /run/root && echo same'

# For the record; emulated, it says nothing about a real node's milliseconds.
# shellcheck disable=SC2016  # the guest's shell expands it
guest_gateway_times='value() { systemctl show --property="$1" --value bpa-gateway; }
  began=$(value InactiveExitTimestampMonotonic) ready=$(value ActiveEnterTimestampMonotonic)
  echo "gateway ready $((ready / 1000)) ms after the kernel, $(((ready - began) / 1000)) ms of its own,"
  echo "with $(($(value MemoryCurrent) / 1024)) KiB; $(systemd-analyze time)"'

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
    in_guest 'ready' "$guest_gateway_times"
}

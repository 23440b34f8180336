# shellcheck shell=bash disable=SC2154  # run.sh says where things are
# shellcheck disable=SC2034  # run.sh makes the image of this kind
# Debian's own cloud-init runs the user-data, from a NoCloud seed and beside a NodeConfig that is
# nodeadm's and not its own; the node enrols, is prepared, and boots again without a cycle.
image_kind=cloud-init

node_config='apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster: {name: bpa-vm}'

# The payload brings the package alone: what bpactl printed is what cloud-init finds.
make_seed() {
  local seed=$guest_dir/seed
  mkdir -p "$seed" && printf '%s\n' "$node_config" >"$guest_dir/nodeadm.yaml" &&
    "$bpactl" user-data node-1 --policy "$guest_dir/policy.yaml" \
      --package /root/bpa-agent.deb --package-file "$(cluster_package)" \
      --node-config "$guest_dir/nodeadm.yaml" --out "$seed/user-data" &&
    printf 'instance-id: i-0123456789abcdef0\nlocal-hostname: bpa-guest\n' >"$seed/meta-data" &&
    genisoimage -quiet -volid cidata -joliet -rock -output "$guest_dir/seed.iso" "$seed"
}

scenario() {
  guest_choose_ports && cluster_init && cluster_payload "$guest_dir/tree" &&
    rm -r "$guest_dir/tree/var" && make_seed && guest_make "$guest_dir/tree" || return 1
  # On NVMe, as EC2 has none: in this kernel virtio's disks are a module, and cloud-init looks early.
  guest_boot -drive "if=none,id=seed,file=$guest_dir/seed.iso,format=raw,readonly=on" \
    -device nvme,serial=seed,drive=seed && cluster_enroll || return 1
  in_guest 'status: done' cloud-init status --wait --long &&
    in_guest 'DataSourceNoCloud' cat /run/cloud-init/result.json &&
    expect 0 'changed=7 failed=0' "$bpactl" apply --yes &&
    check_prepared || return 1
  guest_reboot && guest_settle && cluster_wait || return 1
  expect 0 'ok=7' "$bpactl" verify && check_prepared && check_boot
}

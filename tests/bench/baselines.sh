# shellcheck shell=bash
# Ansible and plain ssh against the lab hosts; to be sourced after hosts.sh and evidence.sh.
# Everything of theirs lies in $bench_ssh.

bench_source=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bench_ssh=$BPA_LAB_DIR/ssh

# sshd in every host as Debian configures it, and one key that may log in as root.
baselines_start() {
  local n root
  mkdir -p "$bench_ssh" && ssh-keygen -q -t ed25519 -N '' -f "$bench_ssh/key" || return 1
  {
    printf 'Host *\n  User root\n  IdentityFile %s/key\n  IdentitiesOnly yes\n' "$bench_ssh"
    printf '  StrictHostKeyChecking no\n  UserKnownHostsFile %s/known\n  LogLevel ERROR\n' \
      "$bench_ssh"
  } >"$bench_ssh/config"
  for n in $(lab_numbers); do
    root=$(lab_root "$n")
    install -d -m 0700 "$root/root/.ssh" &&
      install -m 0600 "$bench_ssh/key.pub" "$root/root/.ssh/authorized_keys" &&
      ssh-keygen -q -t ed25519 -N '' -f "$root/etc/ssh/bench_host_key" || return 1
    # A `!` is a locked account.
    sed -i 's/^root:[^:]*:/root:*:/' "$root/etc/shadow"
    lab_enter "$n" mkdir -p /run/sshd &&
      lab_enter "$n" /usr/sbin/sshd -o HostKey=/etc/ssh/bench_host_key || return 1
  done
  baselines_write_inventory
}

baselines_write_inventory() {
  local n directory mode
  {
    echo "nodes:"
    echo "  hosts:"
    for n in $(lab_numbers); do
      printf '    %s:\n      ansible_host: %s\n      serial: %s\n      directories:\n' \
        "$(lab_name "$n")" "$(lab_address "$n")" "$(lab_serial "$n")"
      while read -r directory mode; do
        printf '        - {path: %s, mode: "0%s"}\n' "$directory" "$mode"
      done < <(evidence_directories "$n")
    done
    echo "  vars:"
    echo "    ansible_python_interpreter: /usr/bin/python3"
  } >"$bench_ssh/inventory.yml"
  cat >"$bench_ssh/ansible.cfg" <<TEXT
[defaults]
inventory = $bench_ssh/inventory.yml
forks = 4
host_key_checking = False
local_tmp = $bench_ssh/tmp
[ssh_connection]
pipelining = True
ssh_args = -F $bench_ssh/config -o ControlMaster=auto -o ControlPersist=60s
control_path_dir = $bench_ssh/control
TEXT
}

# ControlPersist, Ansible's default, keeps connections for its next run: every run starts without,
# as the administrator's first does. Its own master processes end with `-O exit`.
baselines_drop_connections() {
  local socket
  for socket in "$bench_ssh"/control/*; do
    [[ ! -S $socket ]] || ssh -F "$bench_ssh/config" -o ControlPath="$socket" -O exit any \
      2>/dev/null
  done
}

baseline_ansible() {
  ANSIBLE_CONFIG=$bench_ssh/ansible.cfg ansible-playbook "$bench_source/prepare.yml"
}

baseline_ssh() {
  local n pids=() pid failed=0 arguments
  for n in $(lab_numbers); do
    mapfile -t arguments < <(evidence_directories "$n" | tr ' ' ':')
    ssh -F "$bench_ssh/config" "$(lab_address "$n")" bash -s "$(lab_serial "$n")" \
      "${arguments[@]}" <"$bench_source/prepare_node.sh" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
  return $failed
}

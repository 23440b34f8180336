# shellcheck shell=bash
# What a person would look at on a prepared host, and the same as checks; to be sourced after
# hosts.sh. Nothing here asks our own programs.

# Node N's directories under /opt/bpa/data, with the modes of the paper ("-": left alone).
evidence_directories() {
  case $1 in
    1) printf '%s 777\n' zookeeper1 zookeeper4 zookeeper5 kafka1 ;;
    2) printf '%s 777\n' kafka2 zookeeper2 zookeeper4 zookeeper5 ;;
    3) printf '%s 777\n' kafka3 zookeeper3 zookeeper4 zookeeper5 ;;
    4) printf '%s\n' 'metrices 777' 'metrices/prometheus 777' 'metrices/grafana 777' 'elk 755' ;;
  esac
}

evidence_show() {
  local n=$1
  printf '\n%s\n' "$(lab_name "$n")"
  lab_enter "$n" findmnt --noheadings --output SOURCE,TARGET,FSTYPE,SIZE /opt | sed 's/^/  mount   /'
  lab_enter "$n" grep -n bpa /etc/fstab | sed 's/^/  fstab   line /'
  lab_enter "$n" sh -c 'cd /opt/bpa/data && find . -mindepth 1 -printf "%M %u:%g %p\n" | sort -k3' |
    sed 's/^/  data    /'
  lab_enter "$n" sh -c 'ls /opt/cni/bin | tr "\n" " "' | sed 's/^/  kept    \/opt\/cni\/bin: /'
  printf '\n'
  lab_enter "$n" sysctl vm.max_map_count | sed 's/^/  sysctl  /'
  lab_enter "$n" sh -c 'grep -H "^[^#]" /etc/sysctl.d/*bpa*' | sed 's/^/  boot    /'
}

# Prints each broken promise; fails if there is one.
evidence_check() {
  local n=$1 broken=0 check
  for check in mount fstab directories opt sysctl; do
    "evidence_check_$check" "$n" || broken=1
  done
  return $broken
}

evidence_broken() {
  printf '  BROKEN: %s\n' "$*"
  return 1
}

evidence_check_mount() {
  local source
  source=$(lab_enter "$1" findmnt --noheadings --output SOURCE,FSTYPE /opt | tr -s ' ')
  [[ $source == '/dev/nvme1n1 xfs' ]] || evidence_broken "/opt is mounted from '$source'"
}

# Our line, and besides it every byte of others exactly as it was.
evidence_check_fstab() {
  local n=$1 fstab pristine uuid line foreign
  fstab=$(lab_root "$n")/etc/fstab pristine=$BPA_LAB_DIR/$n/pristine/fstab
  uuid=$(lab_enter "$n" blkid -p -s UUID -o value /dev/nvme1n1)
  line=$(grep -F "x-bpa.volume=$(lab_volume_id "$n")" "$fstab")
  [[ $line == "UUID=$uuid /opt xfs "*nofail* ]] ||
    evidence_broken "no fstab line mounts UUID=$uuid on /opt: '$line'" || return 1
  # The last foreign line had no newline; ours can only follow once it has one.
  foreign=$(mktemp)
  grep -vF "x-bpa.volume=" "$fstab" | head -c "$(stat -c %s "$pristine")" >"$foreign"
  cmp -s "$foreign" "$pristine" ||
    evidence_broken "foreign lines of /etc/fstab changed: $(diff "$pristine" "$foreign")"
  local same=$?
  rm -f "$foreign"
  lab_enter "$n" findmnt --verify --tab-file /etc/fstab >/dev/null 2>&1 ||
    lab_enter "$n" findmnt --fstab --noheadings /opt >/dev/null ||
    evidence_broken "/etc/fstab does not parse" || return 1
  return $same
}

evidence_check_directories() {
  local n=$1 wanted found
  wanted=$(evidence_directories "$n" | LC_ALL=C sort)
  found=$(lab_enter "$n" find /opt/bpa/data -mindepth 1 -type d -printf '%P %m\n' | LC_ALL=C sort)
  [[ $found == "$wanted" ]] ||
    evidence_broken "directories in /opt/bpa/data: have '$found', want '$wanted'" || return 1
  [[ ! -e $(lab_root "$n")/opt/bpa ]] ||
    evidence_broken "/opt/bpa also lies on the root disk, beneath the mount"
}

# Everything that was in the old /opt, with owners, modes, times, links and attributes.
evidence_check_opt() {
  local n=$1 difference
  difference=$(diff <(lab_list_tree "$BPA_LAB_DIR/$n/pristine/opt") \
    <(evidence_mounted_opt "$n"))
  [[ -z $difference ]] || evidence_broken "/opt was not migrated whole: $difference"
}

evidence_mounted_opt() {
  lab_enter "$1" bash -c "$(declare -f lab_list_tree); lab_list_tree /opt" |
    grep -vE '^(\./)?bpa(/| )|^# file: bpa'
}

evidence_check_sysctl() {
  local value winner
  value=$(cat /proc/sys/vm/max_map_count)
  [[ $value -ge 262144 ]] || evidence_broken "vm.max_map_count is $value" || return 1
  winner=$(lab_enter "$1" sh -c 'cat /etc/sysctl.d/*bpa*' | grep -c '^vm.max_map_count *= *262144$')
  [[ $winner -eq 1 ]] || evidence_broken "no drop-in of ours sets vm.max_map_count at boot"
}

# All of host N that a command could change, as text: two snapshots are equal if nothing did.
# Without what the agent keeps for itself (journal, logs) and what lives on its own in /proc, /run.
lab_snapshot() {
  local n=$1
  lab_enter "$n" bash -c "$(declare -f lab_list_tree)"'
    find / -mindepth 1 \( -path /proc -o -path /sys -o -path /dev -o -path /usr -o -path /run -o -path /var/lib/bpa-agent \
      -o -path /var/log -o -path /tmp -o -path /var/tmp \) -prune \
      -o -printf "%p %y %m %U:%G %s %T@ %l\n" | LC_ALL=C sort
    sha256sum /etc/fstab /etc/sysctl.d/*
    lab_list_tree /opt
    cut -d" " -f4- /proc/1/mountinfo
    sysctl vm.max_map_count
    head -c 4194304 /dev/nvme1n1 | sha256sum
    tail -c 4194304 /dev/nvme1n1 | sha256sum' 2>&1
}

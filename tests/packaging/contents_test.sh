#!/usr/bin/env bash
# The built packages: what is in them, what they ask for, how large they are, and what lintian and
# rpmlint say. Whether they work is install_test.sh's.
# usage: contents_test.sh PACKAGES_DIR SOURCE_DIR
set -uo pipefail
packages=$1
top=$2
failed=0
fail() {
  echo "FAILED: $*" >&2
  failed=1
}
is() { [[ $2 == "$3" ]] || fail "$1 ('<': expected):"$'\n'"$(diff <(echo "$3") <(echo "$2") | grep '^[<>]')"; }

deb_files() { dpkg-deb --fsys-tarfile "$1" | tar -t | sed 's|^\.||' | grep -v '/$' | sort; }
rpm_files() { rpm -qp --qf '[%{FILEMODES:perms} %{FILENAMES}\n]' "$1" | grep -v '^d' | cut -d ' ' -f 2 | sort; }

common_files() {
  case $1 in
    bpa-agent) cat <<'TEXT' ;;
/usr/lib/systemd/system-preset/50-bpa-agent.preset
/usr/lib/systemd/system/bpa-agent-keys.service
/usr/lib/systemd/system/bpa-executor.service
/usr/lib/systemd/system/bpa-executor.socket
/usr/lib/systemd/system/bpa-gateway.service
/usr/lib/sysusers.d/bpa-agent.conf
/usr/lib/tmpfiles.d/bpa-agent.conf
/usr/libexec/bpa-agent/setup
/usr/sbin/bpa-executor
/usr/sbin/bpa-gateway
/usr/share/doc/bpa-agent/copyright
/usr/share/doc/bpa-agent/examples/agent.yaml
/usr/share/man/man5/bpa-agent.yaml.5.gz
/usr/share/man/man8/bpa-executor.8.gz
/usr/share/man/man8/bpa-gateway.8.gz
TEXT
    bpactl) cat <<'TEXT' ;;
/usr/bin/bpactl
/usr/share/bash-completion/completions/bpactl
/usr/share/doc/bpactl/copyright
/usr/share/man/man1/bpactl.1.gz
/usr/share/man/man5/bpa-cluster.yaml.5.gz
TEXT
  esac
}
debian_files() {
  echo "/usr/share/lintian/overrides/$1"
  if [[ $1 == bpa-agent ]]; then echo /etc/needrestart/conf.d/bpa-agent.conf; fi
}

# Names that Debian 12, Ubuntu 22.04 and 24.04 have (libssl3t64 provides libssl3 in the latter).
depends_of() {
  case $1 in
    bpa-agent) echo 'libblkid1 (>= 2.37), libc6 (>= 2.34), libgcc-s1, libmount1 (>= 2.37), libssl3,' \
      'libsystemd0 (>= 249), systemd (>= 249), zlib1g, e2fsprogs, xfsprogs' ;;
    bpactl) echo 'libc6 (>= 2.34), libgcc-s1, libssl3, zlib1g' ;;
  esac
}

# What Amazon Linux 2023 provides: sonames without a version; with one, portability_test.sh has
# seen that none is too new.
requires_of() {
  local names
  case $1 in
    bpa-agent) names='libblkid\.so\.1|libmount\.so\.1|libsystemd\.so\.0' ;;
    bpactl) names='none' ;;
  esac
  names+='|ld-linux-x86-64\.so\.2|libc\.so\.6|libcrypto\.so\.3|libgcc_s\.so\.1|libm\.so\.6|libssl\.so\.3|libz\.so\.1'
  printf '(%s)\\([A-Z0-9_.]*\\)(\\(64bit\\))?|rtld\\(GNU_HASH\\)|rpmlib\\((%s)\\) <= .*' "$names" \
    'CompressedFileNames|FileDigests|PayloadFilesHavePrefix|PayloadIsXz'
  if [[ $1 == bpa-agent ]]; then printf '|/bin/sh|e2fsprogs|xfsprogs|systemd >= 249'; fi
}

limit=$((8 * 1024 * 1024))
for name in bpa-agent bpactl; do
  deb=$(echo "$packages"/"$name"_*.deb)
  rpm=$(echo "$packages"/"$name"-[0-9]*.rpm)
  [[ -f $deb && -f $rpm ]] || {
    fail "no $name.deb and .rpm in $packages: run packaging/build-packages.sh"
    continue
  }
  is "files of $deb" "$(deb_files "$deb")" "$( (common_files $name; debian_files $name) | sort)"
  is "files of $rpm" "$(rpm_files "$rpm")" "$(common_files $name | sort)"
  is "Depends of $deb" "$(dpkg-deb -f "$deb" Depends)" "$(depends_of $name)"
  strange=$(rpm -qp --requires "$rpm" | grep -vxE "$(requires_of $name)") &&
    fail "$rpm requires what Amazon Linux 2023 may not have: $strange"
  is "owners in $deb" "$(dpkg-deb -c "$deb" | awk '{ print $2 }' | sort -u)" root/root
  is "owners in $rpm" "$(rpm -qp --qf '[%{FILEUSERNAME}/%{FILEGROUPNAME}\n]' "$rpm" | sort -u)" root/root
  for package in "$deb" "$rpm"; do
    size=$(stat -c %s "$package")
    [[ $size -le $limit ]] || fail "$package has $size bytes; at most $limit"
    echo "$size bytes  $(basename "$package")"
  done
  dpkg-deb --fsys-tarfile "$deb" | tar -xO --wildcards './usr/*bin/*' | grep -aq '\.debug_info' &&
    fail "$deb: the programs are not stripped"
done

said=$(lintian --allow-root --fail-on error,warning "$packages"/*.deb 2>&1) || fail "lintian: $said"
said=$(rpmlint --config "$top/packaging/rpm/rpmlint.toml" "$packages"/*.rpm 2>&1) ||
  fail "rpmlint: $said"
exit "$failed"

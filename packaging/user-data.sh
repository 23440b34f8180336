# shellcheck shell=bash
# What every node's user-data does: `bpactl user-data` puts the node's settings before it and the
# node's files behind it. It may run twice. What it says is in the instance's console log and in
# /var/log/cloud-init-output.log.
#
#   bpa_node            the node's name
#   bpa_package         where the package is: https://, http://, s3://, a path on this machine; or
#                       empty when the image has it
#   bpa_package_sha256  of the package, in hexadecimal
#   bpa_rejoin          yes: enrol this node again, although it may have a certificate
: "${bpa_node:?}" "${bpa_package?}" "${bpa_package_sha256?}" "${bpa_rejoin:?}"
umask 077
bpa_etc=/etc/bpa-agent

bpa_say() { printf 'bpa-agent: %s\n' "$*"; }
bpa_fail() {
  bpa_say "NOT INSTALLED: $*"
  exit 1
}

bpa_fetch() {
  case $bpa_package in
    s3://*)
      command -v aws >/dev/null || bpa_fail "$bpa_package: this image has no 'aws'; use an https:// URL"
      aws s3 cp --only-show-errors "$bpa_package" "$1"
      ;;
    http://* | https://*)
      if command -v curl >/dev/null; then
        curl -fsSL --retry 5 --retry-connrefused --connect-timeout 10 --max-time 600 -o "$1" "$bpa_package"
      else
        wget -nv --tries=5 --timeout=30 -O "$1" "$bpa_package"
      fi
      ;;
    *) cp "$bpa_package" "$1" ;;
  esac
}

# Needs no network when everything that the package depends on is there.
bpa_install_deb() {
  local options=(-y --no-install-recommends --allow-downgrades
    -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold)
  export DEBIAN_FRONTEND=noninteractive
  apt-get install "${options[@]}" "$1" ||
    { apt-get update && apt-get install "${options[@]}" "$1"; }
}
bpa_install_rpm() {
  rpm -q --quiet "$(rpm -qp --queryformat '%{name}-%{version}-%{release}' "$1")" && return
  dnf install -y "$1" || rpm -U "$1"
}

bpa_install() {
  local directory file sum
  # Not /tmp: that may be memory.
  directory=$(mktemp -d /var/tmp/bpa-agent.XXXXXX) || bpa_fail "no temporary directory"
  # However this ends.
  # shellcheck disable=SC2064  # the name is wanted now
  trap "rm -rf '$directory'" EXIT
  file=${bpa_package%%\?*}
  file=$directory/bpa-agent.${file##*.}
  bpa_fetch "$file" || bpa_fail "$bpa_package cannot be fetched"
  sum=$(sha256sum <"$file")
  if [[ ${sum%% *} != "$bpa_package_sha256" ]]; then
    bpa_fail "$bpa_package has SHA-256 ${sum%% *}, and $bpa_package_sha256 was told to bpactl" \
      "user-data: another file lies there than was meant"
  fi
  # apt reads it as a user of its own.
  chmod 0755 "$directory" && chmod 0644 "$file"
  case $file in
    *.deb) bpa_install_deb "$file" ;;
    *.rpm) bpa_install_rpm "$file" ;;
  esac || bpa_fail "$bpa_package cannot be installed; see above"
}

# bpa_put MODE FILE: standard input becomes that file at once.
bpa_put() {
  local new
  if ! { new=$(mktemp "$bpa_etc/.new.XXXXXX") && cat >"$new" && chmod "$1" "$new" &&
    mv -f "$new" "$2"; }; then
    bpa_fail "$2 cannot be written"
  fi
}

# Standard input: the join secret, which enrols this node once. A node that is enrolled keeps its
# certificate, unless it is to be enrolled again and this secret has not done so yet.
bpa_join() {
  local secret mark
  secret=$(cat)
  mark=$(sha256sum <<<"$secret")
  if [[ -e $bpa_etc/tls/node.pem ]]; then
    [[ $bpa_rejoin == yes && $(cat "$bpa_etc/join.last" 2>/dev/null) != "$mark" ]] || return 0
    rm -f "$bpa_etc/tls/node.pem"
  fi
  bpa_put 0600 "$bpa_etc/join.secret" <<<"$secret"
  bpa_put 0600 "$bpa_etc/join.last" <<<"$mark"
}

# Never waits for a unit: cloud-init itself is one that others wait for.
bpa_start() {
  if ! { systemctl daemon-reload &&
    systemctl enable bpa-agent-keys.service bpa-executor.socket bpa-gateway.service &&
    systemctl --no-block start bpa-agent-keys.service bpa-executor.socket &&
    systemctl --no-block restart bpa-gateway.service; }; then
    bpa_fail "the services cannot be started; see above"
  fi
  bpa_say "installed; on the bastion: bpactl enroll $bpa_node"
}

if [[ -n $bpa_package ]]; then bpa_install; fi
command -v bpa-gateway >/dev/null ||
  bpa_fail "this image has no bpa-agent: give bpactl user-data a --package"
if ! { install -d -m 0755 "$bpa_etc" "$bpa_etc/trusted-signers.d" &&
  install -d -m 0750 -g bpa-agent "$bpa_etc/tls"; }; then
  bpa_fail "$bpa_etc cannot be made"
fi

#!/usr/bin/env bash
# Installs what building and testing need on Debian 12, as root; does nothing when all is there.
#
#   install-build-deps.sh            what quickstart.sh needs: build, run, make lab hosts
#   install-build-deps.sh --packages besides, what packaging/build-packages.sh needs
#   install-build-deps.sh --tests    besides both, what tests/run.sh needs
set -euo pipefail

build=(
  ca-certificates cmake dpkg-dev g++ ninja-build pkg-config
  libabsl-dev libblkid-dev libc-ares-dev libcli11-dev libfmt-dev libgrpc++-dev libgtest-dev
  libgmock-dev libmount-dev libprotobuf-dev libre2-dev libspdlog-dev libsqlite3-dev libssl-dev
  libsystemd-dev libyaml-cpp-dev nlohmann-json3-dev protobuf-compiler protobuf-compiler-grpc
  libxxhash-dev zlib1g-dev
)
# `acl`, `attr` and the rest: lab hosts are made of namespaces, loop devices and real filesystems.
lab=(acl attr e2fsprogs iproute2 openssl procps systemd util-linux mount xfsprogs)
packages=(rpm)
tests=(
  ansible chromium clang clang-format clang-tidy git libclang-rt-14-dev lintian mandoc
  openssh-client openssh-server prometheus rpmlint rsync python3 shellcheck
)
# `dbus` and `arch-test` besides QEMU: a private bus, and what mmdebstrap asks.
guest=(
  arch-test dbus fdisk genisoimage kmod mmdebstrap qemu-system-x86 qemu-utils socat
)

[[ $EUID -eq 0 ]] || {
  echo "install-build-deps.sh: installing packages needs root: run it with sudo" >&2
  exit 1
}
command -v apt-get >/dev/null || {
  echo "install-build-deps.sh: no apt-get here: this script knows Debian 12; install by hand:" \
    "${build[*]} ${lab[*]} ${packages[*]} ${tests[*]} ${guest[*]}" >&2
  exit 1
}

wanted=("${build[@]}" "${lab[@]}")
if [[ ${1:-} == --packages ]]; then wanted+=("${packages[@]}"); fi
if [[ ${1:-} == --tests ]]; then
  wanted+=("${packages[@]}" "${tests[@]}" "${guest[@]}")
  # Only where there is none: another vendor's nodejs brings its own npm and conflicts with Debian's.
  command -v npm >/dev/null || wanted+=(npm)
fi

missing=()
for package in "${wanted[@]}"; do
  state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $state == installed ]] || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

echo "Installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
install=(apt-get install --yes --quiet=2 --no-install-recommends "${missing[@]}")
# A machine that has fresh lists needs no update; a new image has none at all, an old one stale ones.
"${install[@]}" || {
  apt-get update --quiet=2
  "${install[@]}"
}
# The tests start a Prometheus of their own; this machine's is nobody's business here.
if [[ " ${missing[*]} " == *" prometheus "* && -d /run/systemd/system ]]; then
  systemctl disable --now --quiet prometheus
fi

#!/usr/bin/env bash
# Fetches and unpacks the source of Debian's prometheus-cpp into DIR (once: does nothing when it is
# there). Debian's binary package has only a shared library, which a node does not have; what is
# linked in is built from this.
#
#   fetch-prometheus-cpp.sh DIR     the sources are DIR/prometheus-cpp afterwards
#
# What is unpacked is what the archive's signed Release file vouches for, by way of Sources and the
# .dsc's checksums: apt checks them, and nothing here lets an unsigned archive pass. The machine's
# own apt configuration and lists are read and left alone; root is not needed.
set -euo pipefail

[[ $# -eq 1 ]] || {
  echo "usage: fetch-prometheus-cpp.sh DIR" >&2
  exit 1
}
mkdir -p "$1"
top=$(cd "$1" && pwd)
name=prometheus-cpp

# Two presets may be configured at once in one checkout.
exec 9>"$top/$name.lock"
flock 9
[[ ! -e $top/$name/core/include/prometheus/registry.h ]] || exit 0

work=$(mktemp -d "$top/$name.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{sources,state/lists/partial,cache/archives/partial,source}

die() {
  cat >&2 <<TEXT
fetch-prometheus-cpp.sh: $*
The metrics are made with prometheus-cpp, built from the source package of the Debian archives that
apt is configured with. Either let this machine reach them, or copy build/deps/$name here from
a checkout that has it.
TEXT
  exit 1
}

# Source packages are where the configured binary packages are; only the type differs.
source_lists() {
  local file
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [[ -f $file ]] || continue
    sed -nE 's/^[[:space:]]*deb[[:space:]]/deb-src /p' "$file" >>"$work/sources/all.list"
  done
  for file in /etc/apt/sources.list.d/*.sources; do
    [[ -f $file ]] || continue
    sed -E 's/^Types:.*/Types: deb-src/I' "$file" >"$work/sources/$(basename "$file")"
  done
}
source_lists

options=(
  --quiet=2
  -o "Dir::Etc::SourceList=/dev/null" -o "Dir::Etc::SourceParts=$work/sources"
  -o "Dir::State=$work/state" -o "Dir::State::Status=/var/lib/dpkg/status"
  -o "Dir::Cache=$work/cache"
  # Not as another user, who may not be able to write below DIR.
  -o "APT::Sandbox::User="
  -o "Acquire::Retries=3"
  -o "Acquire::AllowInsecureRepositories=false" -o "APT::Get::AllowUnauthenticated=false"
)
apt-get "${options[@]}" update >"$work/log" 2>&1 || true # a third party's archive may be down
(cd "$work/source" && apt-get "${options[@]}" source --only-source "$name") >>"$work/log" 2>&1 || {
  tail -n 20 "$work/log" >&2
  die "the source package $name could not be had; apt's words are above"
}
unpacked=("$work"/source/"$name"-*/)
[[ ${#unpacked[@]} -eq 1 && -e ${unpacked[0]}core/include/prometheus/registry.h ]] ||
  die "the source package $name does not hold core/include/prometheus/registry.h"
rm -rf "${top:?}/$name"
mv "${unpacked[0]}" "$top/$name"

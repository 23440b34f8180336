#!/usr/bin/env bash
# What is shipped starts on the oldest target: Amazon Linux 2023 (glibc 2.34, OpenSSL 3.0, systemd 252,
# util-linux 2.37, zlib 1.2.11, GCC 11's libgcc) and Ubuntu 22.04 (systemd 249). Read off the programs,
# as nothing here is old enough to try it.
# usage: portability_test.sh BPACTL BPA_GATEWAY BPA_EXECUTOR
set -euo pipefail
bpactl=$1
gateway=$2
executor=$3
failed=0
fail() {
  echo "FAILED: $*" >&2
  failed=1
}

# The newest symbol version of each library that may be asked for, as "PREFIX VERSION".
newest_of() {
  case $1 in
    libc.so.6 | libm.so.6 | ld-linux-*.so.*) echo GLIBC 2.34 ;;
    libgcc_s.so.1) echo GCC 11 ;;
    libssl.so.3 | libcrypto.so.3) echo OPENSSL 3.0.0 ;;
    libsystemd.so.0) echo LIBSYSTEMD 249 ;;
    libmount.so.1) echo MOUNT 2.37 ;;
    libblkid.so.1) echo BLKID 2.37 ;;
    libz.so.1) echo ZLIB 1.2.11 ;;
    *) return 1 ;;
  esac
}

# Prints "LIBRARY VERSION" for each symbol version that a program asks for.
asked_versions() {
  objdump -p "$1" | awk '/^Version References:/ { inside = 1; next } /^$/ { inside = 0 }
    inside && /required from/ { library = $3; sub(/:$/, "", library); next }
    inside { print library, $4 }'
}

# Libraries spell the same version 2.37 and 2_37.
check_version() {
  local program=$1 library=$2 version=$3 prefix newest number
  read -r prefix newest < <(newest_of "$library") || {
    fail "$program asks for $version of $library, which no rule here knows"
    return
  }
  number=${version#"$prefix"_}
  number=${number//_/.}
  [[ $number =~ ^[0-9.]+$ ]] || {
    fail "$program: $version of $library is no version that a target is known to have"
    return
  }
  [[ $(printf '%s\n' "$number" "$newest" | sort -V | tail -n 1) == "$newest" ]] ||
    fail "$program needs $version of $library, and a target has ${prefix}_$newest: $(
      objdump -T "$program" | awk -v version="$version" 'index($0, version) { print $NF }' | tr '\n' ' '
    )"
}

# check PROGRAM LIBRARY...: exactly these are loaded.
check() {
  local program=$1 needed wanted
  shift
  needed=$(objdump -p "$program" | awk '$1 == "NEEDED" { print $2 }' | sort | tr '\n' ' ')
  wanted=$(printf '%s\n' "$@" | sort | tr '\n' ' ')
  [[ $needed == "$wanted" ]] || fail "$program loads $needed; expected $wanted"
  if objdump -p "$program" | grep -E '^ +(RPATH|RUNPATH)'; then
    fail "$program looks for libraries in a directory of the build machine"
  fi
  local library version count=0
  while read -r library version; do
    check_version "$program" "$library" "$version"
    count=$((count + 1))
  done < <(asked_versions "$program")
  [[ $count -gt 10 ]] || fail "$program: only $count symbol versions found: cannot tell what it needs"
}

loader=$(objdump -p "$bpactl" | awk '$1 == "NEEDED" && /ld-linux/ { print $2 }')
system=(libc.so.6 libgcc_s.so.1 libm.so.6 "${loader:-ld-linux}")
check "$bpactl" "${system[@]}" libcrypto.so.3 libssl.so.3 libz.so.1
check "$gateway" "${system[@]}" libcrypto.so.3 libssl.so.3 libz.so.1
check "$executor" "${system[@]}" libblkid.so.1 libcrypto.so.3 libmount.so.1 libsystemd.so.0

exit "$failed"

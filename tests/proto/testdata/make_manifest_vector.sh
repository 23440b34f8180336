#!/usr/bin/env bash
# Makes the golden manifest beside this script with printf and sha256sum alone: a directory, a file
# of data and a hole, an empty file, a symlink that leads out of the tree, a name that is not UTF-8,
# and the order that puts "a/z" before "a b". Run once; the result is committed.
set -euo pipefail
cd "$(dirname "$0")"
export LC_ALL=C

number() { # BYTES VALUE
  local shift
  for ((shift = 8 * ($1 - 1); shift >= 0; shift -= 8)); do
    printf '%b' "\\x$(printf %02x $((($2 >> shift) & 255)))"
  done
}
entry() { # TYPE MODE SECONDS NANOSECONDS PATH-AS-PRINTF-FORMAT PATH-BYTES
  number 1 "$1"
  number 2 "$2"
  number 8 "$3"
  number 4 "$4"
  number 2 "$6"
  printf '%b' "$5"
}
data() { # TEXT
  number 1 1
  number 4 ${#1}
  printf '%b' "$(printf '%s' "$1" | sha256sum | cut -c1-64 | sed 's/../\\x&/g')"
}
hole() { # LENGTH
  number 1 2
  number 8 "$1"
}

{
  printf 'BPAM'
  number 1 1
  number 3 0
  number 8 6
  number 8 2
  number 8 5000000011
  entry 1 0755 1700000000 500000000 '' 0
  entry 1 0700 -1 999999999 a 1
  entry 2 0644 1700000001 0 a/z 3
  number 8 5000000011
  data hello
  hole 5000000000
  data ' world'
  entry 2 0600 0 1 'a b' 3
  number 8 0
  entry 3 0777 1700000002 0 link 4
  number 2 9
  printf '../../etc'
  entry 1 0555 1700000003 0 'n\n\xff' 3
} >manifest.bin
sha256sum manifest.bin | cut -c1-64 >manifest.sha256

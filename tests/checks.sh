#!/usr/bin/env bash
# Checks over the tree itself that no compiler makes. Prints each breach; fails if there is one.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
breaches=0
breach() {
  printf '%s\n' "$*"
  breaches=$((breaches + 1))
}

# A test that no target builds proves nothing.
while read -r file; do
  grep -rqs --include=CMakeLists.txt "$(basename "$file")" tests ||
    breach "$file: no CMakeLists.txt under tests names it: add it to a bpa_test()"
done < <(git ls-files 'tests/*_test.cc' 'tests/*_test.sh')

# Each promise in BEHAVIOURS.md names tests that exist: `Suite.Name`, or a script's path.
# shellcheck disable=SC2016  # the backquotes are Markdown's
promises() { grep -oE '`[A-Za-z0-9_./]+`' tests/BEHAVIOURS.md | tr -d '`' | sort -u; }
existing=$(git ls-files 'tests/*.cc' | xargs cat | tr -s '\n ' ' ' |
  grep -oE 'TEST(_F|_P)?\( ?[A-Za-z0-9]+, ?[A-Za-z0-9_]+ ?\)' |
  sed -E 's/.*\( ?([A-Za-z0-9]+), ?([A-Za-z0-9_]+).*/\1.\2/' | sort -u)
while read -r name; do
  case $name in
    tests/*) [[ -e $name ]] || breach "tests/BEHAVIOURS.md: there is no $name" ;;
    [A-Z]*Test.*)
      grep -qxF "$name" <<<"$existing" || breach "tests/BEHAVIOURS.md: there is no test $name"
      ;;
  esac
done < <(promises)

# Size budgets: a file past its budget holds more than one idea.
budget() {
  local limit=$1 file lines
  shift
  while read -r file; do
    lines=$(wc -l <"$file")
    [[ $lines -le $limit ]] || breach "$file: $lines lines, and $limit are its budget: split it"
  done < <(git ls-files "$@")
}
budget 400 '*.cc' '*.sh'
budget 220 '*.h'
budget 60 '*/main.cc'

# Only the machine's own files may speak to the machine.
while read -r file; do
  breach "$file: includes <sys/mount.h>; only agent/executor/linux and tests may"
done < <(git grep -l '<sys/mount.h>' -- 'agent/*.cc' 'agent/*.h' 'controller/*' 'proto/*' |
  grep -v '^agent/executor/linux/')

# Generated or unfinished things.
while read -r line; do
  breach "$line: unfinished"
done < <(git grep -nE 'TODO|FIXME|DISABLED_|GTEST_SKIP' -- '*.cc' '*.h' '*.sh' '*.proto' ':!tests/checks.sh')

[[ $breaches -eq 0 ]] || exit 1
echo "nothing to complain about"

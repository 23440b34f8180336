#!/usr/bin/env bash
# Installs, builds, and runs every test and check, as root on Debian 12. Continuous integration runs
# it without arguments; the last line is the sum.
#
#   tests/run.sh [unit | packages | system | vm | asan | lint | all]
#
# unit      the release build and all tests but the next two
# packages  the .deb and the .rpm, and their life on a machine with systemd
# system    the real programs on lab hosts (tests/system)
# vm        the programs on an emulated Debian with systemd (tests/vm); `all` runs the first scenario alone
# asan      the code without gRPC under AddressSanitizer and UndefinedBehaviorSanitizer
# lint      clang-format, clang-tidy, shellcheck, buf, and tests/checks.sh
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

case "$#:${1:-all}" in
  0:* | 1:unit | 1:packages | 1:system | 1:vm | 1:asan | 1:lint | 1:all) stage=${1:-all} ;;
  *)
    sed -n '5,12s/^# \{0,1\}//p' "$0" >&2
    exit 1
    ;;
esac

jobs=$(nproc)
logs=build/test-logs
mkdir -p "$logs"
passed=0
failed=0
broken=()
times=()

# run NAME COMMAND...: one check; its output is shown only when it fails.
run() {
  local name=$1 log started code
  shift
  log=$logs/${name// /-}.log
  started=$SECONDS
  "$@" >"$log" 2>&1 </dev/null && code=0 || code=$?
  report "$name" "$code" $((SECONDS - started)) "$*"
}

# report NAME CODE SECONDS COMMAND
report() {
  local name=$1 code=$2 seconds=$3 log=$logs/${1// /-}.log
  count "$name" "$code" "$log"
  times+=("$(printf '%5d s  %s' "$seconds" "$name")")
  if [[ $code -eq 0 ]]; then
    printf 'ok    %5d s  %s\n' "$seconds" "$name"
    return 0
  fi
  printf 'FAIL  %5d s  %s: %s\n' "$seconds" "$name" "$4"
  tail -n 200 "$log"
  return 1
}

# A ctest run counts as its tests, everything else as one.
count() {
  local name=$1 code=$2 log=$3 line
  line=$(grep -E '^[0-9]+% tests passed, [0-9]+ tests? failed out of [0-9]+' "$log" | tail -n 1)
  if [[ $line =~ ,\ ([0-9]+)\ tests?\ failed\ out\ of\ ([0-9]+) ]]; then
    passed=$((passed + BASH_REMATCH[2] - BASH_REMATCH[1]))
    failed=$((failed + BASH_REMATCH[1]))
    if [[ $code -ne 0 && ${BASH_REMATCH[1]} -eq 0 ]]; then failed=$((failed + 1)); fi
  elif [[ $code -eq 0 ]]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
  fi
  [[ $code -eq 0 ]] || broken+=("$name")
}

wants() { [[ $stage == all || $stage == "$1" ]]; }

build() {
  run "configure $1" cmake --preset "$1" && run "build $1" cmake --build "build/$1" -j "$jobs"
}

clang_format() {
  git ls-files '*.cc' '*.h' | xargs clang-format --dry-run -Werror
}

# Over the programs. The tests are left to the compiler's warnings and the sanitizers: with them
# this would take twice as long. GCC's precompiled headers are nothing for clang.
clang_tidy() {
  mkdir -p build/tidy &&
    sed -E 's/ -Winvalid-pch -include [^ ]+cmake_pch\.hxx//' build/release/compile_commands.json \
      >build/tidy/compile_commands.json || return 1
  git ls-files 'proto/*.cc' 'agent/*.cc' 'controller/*.cc' |
    nice -n 19 xargs -P "$jobs" -n 2 clang-tidy --quiet -p build/tidy 2>&1 |
    grep -v ' warnings\? generated\.$'
  [[ ${PIPESTATUS[1]} -eq 0 ]]
}

# The longest of all, and all of it computing, while many tests mostly wait: it takes what they
# leave.
tidy_job=
start_clang_tidy() {
  tidy_started=$SECONDS
  # In a process group of its own, to be ended with all that it started when this script is.
  set -m
  clang_tidy >"$logs/clang-tidy.log" 2>&1 </dev/null &
  tidy_job=$!
  set +m
  trap 'kill -- -$tidy_job 2>/dev/null' EXIT
}
finish_clang_tidy() {
  local code
  wait "$tidy_job" && code=0 || code=$?
  trap - EXIT
  report "clang-tidy" "$code" $((SECONDS - tidy_started)) clang_tidy
}

shell_check() {
  git ls-files '*.sh' .ci/run packaging/deb/{postinst,prerm,postrm} | xargs shellcheck -x &&
    shellcheck --shell=bash packaging/completion/bpactl
}

run "install packages" packaging/install-build-deps.sh --tests || exit 1

if wants unit || wants packages || wants system || wants vm || wants lint; then build release; fi
if wants lint; then start_clang_tidy; fi
if wants unit; then
  run "tests release" ctest --test-dir build/release --output-on-failure -j "$jobs" -LE 'system|packages'
fi
if wants packages || wants vm; then run "build packages" packaging/build-packages.sh; fi
if wants packages; then
  run "tests packages" ctest --test-dir build/release --output-on-failure -L packages
fi
if wants system; then
  run "tests system" ctest --test-dir build/release --output-on-failure -L system
fi
if wants vm; then
  scenarios=(tests/vm/scenarios/first-node.sh)
  [[ $stage == all ]] || scenarios=(tests/vm/scenarios/*.sh)
  for scenario in "${scenarios[@]}"; do
    name=$(basename "$scenario" .sh)
    run "guest $name" tests/vm/run.sh "$name"
  done
fi
if wants asan && build asan-ubsan; then
  run "tests asan-ubsan" ctest --test-dir build/asan-ubsan --output-on-failure -j "$jobs" -LE 'system|machine'
  # In a PID namespace of its own, as these tests are, LeakSanitizer cannot trace its process.
  run "tests asan-ubsan machine" env ASAN_OPTIONS=detect_leaks=0 \
    ctest --test-dir build/asan-ubsan --output-on-failure -j "$jobs" -L machine
fi
if wants lint; then
  run "checks" tests/checks.sh
  run "clang-format" clang_format
  run "shellcheck" shell_check
  run "buf" tests/buf.sh
  finish_clang_tidy
fi

printf '\nWhere the time went:\n'
printf '%s\n' "${times[@]}"
printf '%5d s  in all\n\n' "$SECONDS"
if [[ ${#broken[@]} -gt 0 ]]; then printf 'FAILED: %s\n' "${broken[@]}"; fi
# What continuous integration reads.
printf '%d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]

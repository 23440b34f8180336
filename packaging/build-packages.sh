#!/usr/bin/env bash
# Builds the programs for release and packs them: bpa-agent and bpactl, each as .deb and .rpm.
#
#   build-packages.sh          into build/packages; needs what install-build-deps.sh --packages installs
#   build-packages.sh arm64    into build/packages-arm64; needs besides what
#                              packaging/cmake/aarch64.cmake says
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case "$#:${1:-}" in
  0:) preset=release output=build/packages ;;
  1:arm64) preset=arm64 output=build/packages-arm64 ;;
  *)
    sed -n '4,6s/^# \{0,1\}//p' "$0" >&2
    exit 1
    ;;
esac
command -v rpmbuild >/dev/null || {
  echo "build-packages.sh: no rpmbuild here: run packaging/install-build-deps.sh --packages" >&2
  exit 1
}

cmake --preset "$preset"
cmake --build "build/$preset" --target shipped
rm -rf "$output"
# Side by side: compressing is most of the work.
running=()
for format in DEB RPM; do
  cpack --config "build/$preset/CPackConfig.cmake" -G "$format" -B "$PWD/$output/$format" &
  running+=($!)
done
for job in "${running[@]}"; do wait "$job"; done
mv "$output"/DEB/*.deb "$output"/RPM/*.rpm "$output"
rm -rf "${output:?}"/{DEB,RPM}
ls -l "$output"

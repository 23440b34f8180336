#!/usr/bin/env bash
# Builds the programs for release and packs them: bpa-agent and bpactl, each as .deb and .rpm, into
# build/packages. Needs what install-build-deps.sh --packages installs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

command -v rpmbuild >/dev/null || {
  echo "build-packages.sh: no rpmbuild here: run packaging/install-build-deps.sh --packages" >&2
  exit 1
}
[[ $# -eq 0 ]] || {
  echo "usage: build-packages.sh" >&2
  exit 1
}

cmake --preset release
cmake --build build/release --target shipped
rm -rf build/packages
cpack --config build/release/CPackConfig.cmake -G "DEB;RPM" -B "$PWD/build/packages"
rm -rf build/packages/_CPack_Packages
ls -l build/packages

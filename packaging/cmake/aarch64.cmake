# Toolchain of the preset `arm64`: cross-compiles on Debian 12 for x86-64 with the libraries of
# Debian's arm64 (multiarch). libyaml-cpp-dev cannot be there for two architectures at once, so this
# wants a machine or a chroot of its own; the test programs are left out. As root:
#
#   mmdebstrap --variant=apt --architectures=amd64,arm64 --include=$(echo ca-certificates cmake \
#     dpkg-dev file g++ g++-aarch64-linux-gnu git libcli11-dev ninja-build nlohmann-json3-dev \
#     pkg-config protobuf-compiler protobuf-compiler-grpc rpm \
#     lib{absl,blkid,c-ares,fmt,grpc++,mount,protobuf,re2,spdlog,sqlite3,ssl,systemd,xxhash,yaml-cpp}-dev:arm64 \
#     zlib1g-dev:arm64 | tr ' ' ,) bookworm CHROOT
#   git clone . CHROOT/src && mount --bind /proc CHROOT/proc
#   chroot CHROOT sh -c 'cd /src && packaging/build-packages.sh arm64'
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_STRIP /usr/bin/aarch64-linux-gnu-strip)
set(PKG_CONFIG_EXECUTABLE /usr/bin/aarch64-linux-gnu-pkg-config)
set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE arm64)
set(CPACK_RPM_PACKAGE_ARCHITECTURE aarch64)

# Toolchain of the preset `arm64`: cross-compiles on Debian 12 for x86-64 with the libraries of
# Debian's arm64, side by side with the machine's own (multiarch). What has to be installed, as root:
#
#   dpkg --add-architecture arm64 && apt-get update
#   apt-get install g++-aarch64-linux-gnu libabsl-dev:arm64 libblkid-dev:arm64 libc-ares-dev:arm64 \
#     libfmt-dev:arm64 libgrpc++-dev:arm64 libmount-dev:arm64 libprotobuf-dev:arm64 libre2-dev:arm64 \
#     libspdlog-dev:arm64 libsqlite3-dev:arm64 libssl-dev:arm64 libsystemd-dev:arm64 \
#     libyaml-cpp-dev:arm64 zlib1g-dev:arm64
#
# libyaml-cpp-dev cannot be there for two architectures at once, so this wants a machine or a chroot of
# its own; the test programs are left out.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_STRIP /usr/bin/aarch64-linux-gnu-strip)
set(PKG_CONFIG_EXECUTABLE /usr/bin/aarch64-linux-gnu-pkg-config)
set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE arm64)
set(CPACK_RPM_PACKAGE_ARCHITECTURE aarch64)

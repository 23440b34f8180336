# What the programs are made of, all from Debian. gRPC, Protobuf and Abseil are linked in: target
# nodes do not have them (Amazon Linux 2023's Abseil is too old for any current gRPC), and a
# static program starts in a fraction of the time. OpenSSL and systemd stay shared: the
# distribution patches them.

set(Protobuf_USE_STATIC_LIBS ON)
find_package(Protobuf REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd>=249)
pkg_check_modules(MOUNT REQUIRED IMPORTED_TARGET mount)
pkg_check_modules(BLKID REQUIRED IMPORTED_TARGET blkid)
find_package(absl REQUIRED CONFIG)
if(BPA_NETWORK)
  find_package(gRPC REQUIRED CONFIG)
endif()

# Debian's CMake files name the shared libraries; the static ones lie beside them.
function(bpa_prefer_static)
  get_property(targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  foreach(target IN LISTS targets)
    if(NOT target MATCHES "^(absl|gRPC)::")
      continue()
    endif()
    get_target_property(location ${target} IMPORTED_LOCATION_NONE)
    if(location)
      string(REGEX REPLACE "\\.so[.0-9]*$" ".a" archive "${location}")
      if(EXISTS "${archive}")
        set_target_properties(${target} PROPERTIES IMPORTED_LOCATION_NONE "${archive}")
      endif()
    endif()
  endforeach()
endfunction()
bpa_prefer_static()

# Targets for the libraries that have no CMake files of their own, static where there is an archive.
function(bpa_static_library name file)
  find_library(${name}_ARCHIVE ${file} REQUIRED)
  add_library(${name} INTERFACE IMPORTED GLOBAL)
  target_link_libraries(${name} INTERFACE ${${name}_ARCHIVE} Threads::Threads)
endfunction()
bpa_static_library(bpa_sqlite libsqlite3.a)
bpa_static_library(bpa_yaml_cpp libyaml-cpp.a)
bpa_static_library(bpa_xxhash libxxhash.a)
if(BPA_NETWORK)
  # What gRPC's own find modules found: shared libraries again.
  find_library(CARES_ARCHIVE libcares.a REQUIRED)
  find_library(RE2_ARCHIVE libre2.a REQUIRED)
  set_target_properties(c-ares::cares PROPERTIES IMPORTED_LOCATION "${CARES_ARCHIVE}")
  set_target_properties(re2::re2 PROPERTIES INTERFACE_LINK_LIBRARIES "${RE2_ARCHIVE}")
endif()

# spdlog header-only: Debian's library would be one more shared object on the node.
find_path(SPDLOG_INCLUDE spdlog/spdlog.h REQUIRED)
add_library(bpa_spdlog INTERFACE IMPORTED GLOBAL)
target_include_directories(bpa_spdlog SYSTEM INTERFACE ${SPDLOG_INCLUDE})
target_compile_definitions(bpa_spdlog INTERFACE SPDLOG_FMT_EXTERNAL FMT_HEADER_ONLY)

if(BPA_NETWORK)
  include(Prometheus)
endif()

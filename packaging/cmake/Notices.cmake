# The packages' `copyright`: what is linked in is passed on with its notices, as the licences ask.
# Debian keeps each library's in /usr/share/doc.
set(notices_of
    gcc-12-base # libstdc++
    libabsl-dev
    libc-ares-dev
    libcli11-dev
    libfmt-dev
    libgrpc-dev
    libprotobuf-dev
    libre2-dev
    libspdlog-dev
    libsqlite3-dev
    libxxhash-dev
    libyaml-cpp-dev
    nlohmann-json3-dev)

set(notices "bpa-node-agent\n\nIts programs hold parts of the libraries whose notices follow.\n")
foreach(package IN LISTS notices_of)
  set(file /usr/share/doc/${package}/copyright)
  if(NOT EXISTS ${file})
    message(WARNING "${file} is missing: packages built here lack the notices of ${package}")
    continue()
  endif()
  file(READ ${file} text)
  string(APPEND notices "\n==== ${package}\n\n${text}")
endforeach()
file(READ ${CMAKE_SOURCE_DIR}/build/deps/prometheus-cpp/LICENSE text)
string(APPEND notices "\n==== prometheus-cpp\n\n${text}")
file(GENERATE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/copyright CONTENT "${notices}")

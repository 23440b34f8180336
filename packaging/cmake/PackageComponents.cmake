# Read by cpack once for each generator, before it packs.
set(CPACK_COMPONENTS_ALL agent bpactl)
if(CPACK_GENERATOR STREQUAL DEB)
  list(APPEND CPACK_COMPONENTS_ALL agent-debian bpactl-debian)
endif()

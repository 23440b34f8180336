# bpa-agent and bpactl, each as .deb and .rpm. What they need is written here by hand and not
# worked out from the build machine's packages: the names and the versions are those that every
# target has (Amazon Linux 2023, Ubuntu 22.04, Debian 12), and tests/packaging holds the programs
# to them.
set(CPACK_PACKAGE_VENDOR "bpa-node-agent")
set(CPACK_PACKAGE_CONTACT "bpa-node-agent maintainers <maintainers@bpa-node-agent.example>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_COMPONENT_AGENT_GROUP agent)
set(CPACK_COMPONENT_AGENT-DEBIAN_GROUP agent)
set(CPACK_COMPONENT_BPACTL_GROUP bpactl)
set(CPACK_COMPONENT_BPACTL-DEBIAN_GROUP bpactl)
set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_CURRENT_LIST_DIR}/PackageComponents.cmake)
set(CPACK_STRIP_FILES ON)

set(agent_summary "Prepares a worker node of an EKS cluster for BPA")
set(agent_description
    "Carries out what signed commands from the bastion ask for: a volume on
/opt, directories with their modes, kernel parameters, and packages.
bpa-gateway is on the network without privilege; bpa-executor runs as root
without network, and takes only commands with a trusted signature.")
set(bpactl_summary "Prepares the worker nodes of an EKS cluster from the bastion")
set(bpactl_description
    "Plans, signs and sends one command to all nodes that run bpa-agent, and
shows what each of them changed.")

# Debian and Ubuntu. Ubuntu 24.04 has libssl3t64, which provides libssl3.
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_AGENT_PACKAGE_NAME bpa-agent)
set(CPACK_DEBIAN_AGENT_DESCRIPTION "${agent_summary}\n${agent_description}")
set(CPACK_DEBIAN_AGENT_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_AGENT_PACKAGE_DEPENDS
    "libblkid1 (>= 2.37), libc6 (>= 2.34), libgcc-s1, libmount1 (>= 2.37), libssl3, libsystemd0 (>= 249), systemd (>= 249), zlib1g, e2fsprogs, xfsprogs"
)
set(CPACK_DEBIAN_AGENT_PACKAGE_CONTROL_EXTRA
    ${CMAKE_CURRENT_SOURCE_DIR}/deb/postinst;${CMAKE_CURRENT_SOURCE_DIR}/deb/prerm;${CMAKE_CURRENT_SOURCE_DIR}/deb/postrm;${CMAKE_CURRENT_SOURCE_DIR}/deb/conffiles
)
set(CPACK_DEBIAN_BPACTL_PACKAGE_NAME bpactl)
set(CPACK_DEBIAN_BPACTL_DESCRIPTION "${bpactl_summary}\n${bpactl_description}")
set(CPACK_DEBIAN_BPACTL_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_BPACTL_PACKAGE_DEPENDS "libc6 (>= 2.34), libgcc-s1, libssl3, zlib1g")

# Amazon Linux 2023. The libraries' sonames and symbol versions are found by rpm itself.
set(CPACK_RPM_COMPONENT_INSTALL ON)
set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_COMPRESSION_TYPE xz)
set(CPACK_RPM_PACKAGE_RELEASE 1)
# The links serve debug information, which is not packed.
set(CPACK_RPM_SPEC_MORE_DEFINE
    "%global packager ${CPACK_PACKAGE_CONTACT}\n%global _build_id_links none")
set(CPACK_RPM_PACKAGE_LICENSE "LicenseRef-bpa-node-agent")
set(CPACK_RPM_PACKAGE_AUTOREQ ON)
set(CPACK_RPM_PACKAGE_AUTOPROV OFF)
set(CPACK_RPM_AGENT_PACKAGE_NAME bpa-agent)
set(CPACK_RPM_AGENT_PACKAGE_SUMMARY ${agent_summary})
set(CPACK_RPM_AGENT_PACKAGE_DESCRIPTION ${agent_description})
set(CPACK_RPM_AGENT_PACKAGE_REQUIRES "e2fsprogs, systemd >= 249, xfsprogs")
set(CPACK_RPM_AGENT_PACKAGE_REQUIRES_POST "systemd >= 249")
set(CPACK_RPM_AGENT_PACKAGE_REQUIRES_PREUN "systemd >= 249")
set(CPACK_RPM_AGENT_POST_INSTALL_SCRIPT_FILE ${CMAKE_CURRENT_SOURCE_DIR}/rpm/post.sh)
set(CPACK_RPM_AGENT_PRE_UNINSTALL_SCRIPT_FILE ${CMAKE_CURRENT_SOURCE_DIR}/rpm/preun.sh)
set(CPACK_RPM_AGENT_POST_UNINSTALL_SCRIPT_FILE ${CMAKE_CURRENT_SOURCE_DIR}/rpm/postun.sh)
set(CPACK_RPM_BPACTL_PACKAGE_NAME bpactl)
set(CPACK_RPM_BPACTL_PACKAGE_SUMMARY ${bpactl_summary})
set(CPACK_RPM_BPACTL_PACKAGE_DESCRIPTION ${bpactl_description})
# Directories that are other packages'.
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION
    /usr/lib/systemd
    /usr/lib/systemd/system
    /usr/lib/systemd/system-preset
    /usr/lib/sysusers.d
    /usr/lib/tmpfiles.d
    /usr/libexec
    /usr/sbin
    /usr/share/bash-completion
    /usr/share/bash-completion/completions
    /usr/share/man
    /usr/share/man/man1
    /usr/share/man/man5
    /usr/share/man/man8)

include(CPack)

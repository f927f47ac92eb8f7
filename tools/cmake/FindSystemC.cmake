#[[ Finds Accellera SystemC and offers it as the target SystemC::systemc.

Debian's libsystemc-dev was built with autotools: it ships systemc.pc and no CMake package. Give
-DSystemC_ROOT=<prefix> (or the environment's SYSTEMC_HOME) to take another install.
SystemCLanguageConfig.cmake is not looked for: a SystemC build tree puts itself into CMake's user
package registry, and one built for another C++ standard then fails at link time only. ]]
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(PC_SystemC QUIET systemc)
endif()
find_path(SystemC_INCLUDE_DIR NAMES systemc HINTS $ENV{SYSTEMC_HOME}/include ${PC_SystemC_INCLUDE_DIRS})
find_library(SystemC_LIBRARY NAMES systemc
  HINTS $ENV{SYSTEMC_HOME} ${PC_SystemC_LIBRARY_DIRS} PATH_SUFFIXES lib lib64 lib-linux64)

if(SystemC_INCLUDE_DIR)   # the header knows the version whatever the install
  file(STRINGS "${SystemC_INCLUDE_DIR}/sysc/kernel/sc_ver.h" _lines REGEX "define SC_VERSION_(MAJOR|MINOR|PATCH) ")
  foreach(part MAJOR MINOR PATCH)
    string(REGEX MATCH "SC_VERSION_${part} +([0-9]+)" _ "${_lines}")
    list(APPEND _version "${CMAKE_MATCH_1}")
  endforeach()
  list(JOIN _version "." SystemC_VERSION)
  unset(_version)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(SystemC
  REQUIRED_VARS SystemC_LIBRARY SystemC_INCLUDE_DIR VERSION_VAR SystemC_VERSION)

if(SystemC_FOUND AND NOT TARGET SystemC::systemc)
  add_library(SystemC::systemc UNKNOWN IMPORTED)
  set_target_properties(SystemC::systemc PROPERTIES
    IMPORTED_LOCATION "${SystemC_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${SystemC_INCLUDE_DIR}"
    INTERFACE_COMPILE_FEATURES cxx_std_17)
endif()
mark_as_advanced(SystemC_INCLUDE_DIR SystemC_LIBRARY)

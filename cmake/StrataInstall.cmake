# Installation: programs, the two SDK libraries with their headers, the model that comes with
# Strata, and what find_package(strata) needs: strata::sdk (remote; needs gRPC and protobuf, no
# LibTorch) and strata::engine (in process).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Installed programs and libraries find each other wherever the tree stands. LibTorch stays where it
# was at build time.
set(strata_package ${CMAKE_INSTALL_LIBDIR}/cmake/strata)
file(RELATIVE_PATH strata_lib_from_bin /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LIBDIR})
set_target_properties(strata_client PROPERTIES INSTALL_RPATH "$ORIGIN")
set_target_properties(strata_engine_sdk PROPERTIES
  INSTALL_RPATH "$ORIGIN;${STRATA_TORCH_ROOT}/lib")

install(TARGETS strata_sdk_headers strata_client strata_sdk strata_engine_sdk EXPORT strata
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY sdk/include/ sdk/mocks/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.h")
foreach(program IN ITEMS strata strata-server)
  if(TARGET ${program})
    set_target_properties(${program} PROPERTIES
      INSTALL_RPATH "$ORIGIN/${strata_lib_from_bin};${STRATA_TORCH_ROOT}/lib")
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()
install(DIRECTORY models/zoo/ DESTINATION ${CMAKE_INSTALL_DATADIR}/strata/zoo)

install(EXPORT strata NAMESPACE strata:: FILE strataTargets.cmake DESTINATION ${strata_package})
file(WRITE ${PROJECT_BINARY_DIR}/strataConfig.cmake "include(CMakeFindDependencyMacro)
find_dependency(absl)
include(\${CMAKE_CURRENT_LIST_DIR}/strataTargets.cmake)
")
write_basic_package_version_file(${PROJECT_BINARY_DIR}/strataConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/strataConfig.cmake
              ${PROJECT_BINARY_DIR}/strataConfigVersion.cmake
        DESTINATION ${strata_package})

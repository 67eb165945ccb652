# The few ways in which this project makes a target.

# strata_library(NAME SOURCES a.cc ... [DEPS target ...] [TORCH] [PRECOMPILE set])
# A static, position independent room library. TORCH adds LibTorch and its precompiled header;
# PRECOMPILE names another set than 'base'.
function(strata_library name)
  cmake_parse_arguments(ARG "TORCH" "PRECOMPILE" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${ARG_DEPS} PRIVATE strata_warnings)
  if(ARG_TORCH)
    target_link_libraries(${name} PUBLIC strata_torch)
    set(ARG_PRECOMPILE torch)
  elseif(NOT ARG_PRECOMPILE)
    set(ARG_PRECOMPILE base)
  endif()
  strata_precompile(${name} ${ARG_PRECOMPILE})
endfunction()

# strata_test(NAME SOURCES a_test.cc ... [DEPS target ...] [LABELS unit|golden|integration|...] [TORCH])
# A GoogleTest program; every test in it is a ctest of its own. ../shared is found through
# STRATA_SHARED_DIR; a test that needs it and finds none says so.
function(strata_test name)
  cmake_parse_arguments(ARG "TORCH" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT STRATA_BUILD_TESTS)
    return()
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gmock GTest::gtest_main strata_warnings)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_definitions(${name} PRIVATE
    STRATA_SOURCE_DIR="${PROJECT_SOURCE_DIR}" STRATA_BINARY_DIR="${PROJECT_BINARY_DIR}"
    STRATA_SHARED_DIR="${PROJECT_SOURCE_DIR}/../shared")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  if(ARG_TORCH)
    target_link_libraries(${name} PRIVATE strata_torch)
    strata_precompile(${name} torch)
  endif()
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
endfunction()

# strata_bench(NAME SOURCES a_bench.cc ... [DEPS target ...] [TORCH]): a Google Benchmark program.
function(strata_bench name)
  cmake_parse_arguments(ARG "TORCH" "" "SOURCES;DEPS" ${ARGN})
  if(NOT STRATA_BUILD_BENCHMARKS)
    return()
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} benchmark::benchmark strata_warnings)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  if(ARG_TORCH)
    target_link_libraries(${name} PRIVATE strata_torch)
    strata_precompile(${name} torch)
  endif()
endfunction()

# strata_precompile(TARGET SET): the headers that most files of a kind begin with, parsed once and
# shared by every target of that kind. A file still includes all that it uses: the sanitizers'
# presets build without precompiled headers and would show what is missing.
set(STRATA_PRECOMPILED_base
  <algorithm> <cstdint> <filesystem> <functional> <map> <memory> <optional> <string> <string_view>
  <utility> <vector> <absl/status/statusor.h> <absl/strings/str_cat.h> <absl/time/time.h>)
# ATen alone: what <torch/types.h> adds makes every file instantiate two seconds of templates.
set(STRATA_PRECOMPILED_torch ${STRATA_PRECOMPILED_base} <ATen/ATen.h>)
set(STRATA_PRECOMPILED_grpc ${STRATA_PRECOMPILED_base} <grpcpp/grpcpp.h>)
set(STRATA_PRECOMPILED_cli
  ${STRATA_PRECOMPILED_base} <CLI/CLI.hpp> <absl/strings/str_format.h> <nlohmann/json.hpp>)
set(STRATA_PRECOMPILED_USES_base absl::statusor absl::strings absl::time)
set(STRATA_PRECOMPILED_USES_torch ${STRATA_PRECOMPILED_USES_base} strata_torch)
set(STRATA_PRECOMPILED_USES_grpc ${STRATA_PRECOMPILED_USES_base} strata_grpcpp)
set(STRATA_PRECOMPILED_USES_cli
  ${STRATA_PRECOMPILED_USES_base} absl::str_format CLI11::CLI11 nlohmann_json::nlohmann_json)
# A false alarm of g++ 12 over std::string, which it holds back in a system's header but not in one that
# was precompiled.
set(STRATA_PRECOMPILED_FLAGS_grpc -Wno-restrict)

function(strata_precompile name set)
  set(holder strata_${set}_pch)
  if(NOT TARGET ${holder})
    file(WRITE ${PROJECT_BINARY_DIR}/${holder}.cc "// Holds a precompiled header.\n")
    add_library(${holder} STATIC ${PROJECT_BINARY_DIR}/${holder}.cc)
    # g++ takes a precompiled header only where these are as they were when the header was made.
    target_link_libraries(${holder} PUBLIC ${STRATA_PRECOMPILED_USES_${set}} PRIVATE strata_warnings)
    target_precompile_headers(${holder} PRIVATE ${STRATA_PRECOMPILED_${set}})
  endif()
  # -fPIC as the header has it: a program would take -fPIE.
  target_compile_options(${name} PRIVATE -fPIC ${STRATA_PRECOMPILED_FLAGS_${set}})
  target_precompile_headers(${name} REUSE_FROM ${holder})
endfunction()

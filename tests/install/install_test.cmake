# Run by ctest: installs the build into an empty folder, builds the stranger's project there and
# runs its programs.
set(work ${BUILD}/install_test)
file(REMOVE_RECURSE ${work})

function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE code OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT code EQUAL 0)
    list(JOIN ARGV " " command)
    message(FATAL_ERROR "${command}\nended with ${code}:\n${output}")
  endif()
  set(run_output "${output}" PARENT_SCOPE)
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${work}/prefix)
# Moved: nothing may depend on the place of installation.
file(RENAME ${work}/prefix ${work}/elsewhere)
# The program that the README shows, as it stands there.
file(READ ${SOURCE}/../../../README.md readme)
string(FIND "${readme}" "```cpp\n" begin)
math(EXPR begin "${begin} + 7")
string(SUBSTRING "${readme}" ${begin} -1 readme)
string(FIND "${readme}" "```" end)
string(SUBSTRING "${readme}" 0 ${end} program)
file(WRITE ${work}/readme.cc "${program}")
run(${CMAKE_COMMAND} -S ${SOURCE} -B ${work}/build -DREADME_PROGRAM=${work}/readme.cc -DCMAKE_PREFIX_PATH=${work}/elsewhere
    -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_BUILD_TYPE=Release)
run(${CMAKE_COMMAND} --build ${work}/build --parallel 2)

run(${work}/build/remote)
if(NOT run_output MATCHES "UNAVAILABLE")
  message(FATAL_ERROR "remote: expected an UNAVAILABLE call, got:\n${run_output}")
endif()
run(${work}/build/engine)
if(NOT run_output MATCHES "section.*sentence")
  message(FATAL_ERROR "engine: expected a document's structure, got:\n${run_output}")
endif()
run(${work}/build/mocked)
run(${work}/build/readme ${work}/elsewhere/share/strata/zoo/openstax-subjects
    ${SOURCE}/../../../samples/french_revolution.txt)
if(NOT run_output MATCHES "history.* 0\\.[0-9]")
  message(FATAL_ERROR "the README's program printed:\n${run_output}")
endif()
run(${work}/elsewhere/bin/strata --version)
if(NOT run_output MATCHES "^strata [0-9]")
  message(FATAL_ERROR "strata --version printed:\n${run_output}")
endif()

# A user of the remote client only must not load LibTorch.
execute_process(COMMAND ldd ${work}/build/remote OUTPUT_VARIABLE libraries)
if(libraries MATCHES "torch" OR NOT libraries MATCHES "libstrata_client")
  message(FATAL_ERROR "remote is linked against the wrong libraries:\n${libraries}")
endif()

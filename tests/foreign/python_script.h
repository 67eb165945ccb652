// Runs a Python script that writes what another implementation makes of test data into a folder.
#ifndef TESTS_FOREIGN_PYTHON_SCRIPT_H_
#define TESTS_FOREIGN_PYTHON_SCRIPT_H_

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>

namespace strata::models {

// The Python that the environment's STRATA_TEST_PYTHON (or the build's) names runs
// "SCRIPT FOLDER ARGUMENT"; then `compare` gets FOLDER. Returns an exit code: 0 also if no Python
// is named, which is said with `what` was not compared.
inline int CompareWithScript(const std::string& script, const std::string& argument,
                             const std::string& what,
                             const std::function<int(const std::filesystem::path&)>& compare) {
  const char* named = std::getenv("STRATA_TEST_PYTHON");
  const std::string python = named != nullptr ? named : STRATA_TEST_PYTHON_DEFAULT;
  if (python.empty()) {
    std::printf("STRATA_TEST_PYTHON names no Python: %s\n", what.c_str());
    return 0;
  }
  std::string folder = (std::filesystem::temp_directory_path() / "strata_foreign_XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return 1;
  const std::string command =
      "'" + python + "' '" + script + "' '" + folder + "' '" + argument + "'";
  const int result = std::system(command.c_str()) == 0 ? compare(folder) : 1;
  std::filesystem::remove_all(folder);
  return result;
}

}  // namespace strata::models

#endif  // TESTS_FOREIGN_PYTHON_SCRIPT_H_

// libFuzzer's entry points. With STRATA_FUZZ_SEEDS=FOLDER the seeds are written there first.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  const char* const folder = std::getenv("STRATA_FUZZ_SEEDS");
  if (folder == nullptr) return 0;
  std::filesystem::create_directories(folder);
  int number = 0;
  for (const std::string& seed : strata::fuzz::Seeds()) {
    std::ofstream(std::filesystem::path(folder) / ("seed" + std::to_string(number++)),
                  std::ios::binary)
        << seed;
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  strata::fuzz::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}

// write_tiny_model FOLDER: a model that writes, for tests of programs that only know files.
#include <cstdio>
#include <filesystem>

#include "models/engine/testing/tiny_models.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: write_tiny_model FOLDER\n");
    return 2;
  }
  std::filesystem::create_directories(argv[1]);
  const absl::Status status = strata::models::testing::WriteTinyWriter(argv[1]);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}

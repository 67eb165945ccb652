// Classifies files by a running `strata serve`, many at a time:
//   classify_remote localhost:50051 a.md b.html ...
#include <cstdio>
#include <optional>
#include <string>

#include "strata/client.h"

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s HOST:PORT FILE...\n", argv[0]);
    return 2;
  }
  const absl::StatusOr<strata::Client> client = strata::Client::Connect(argv[1]);
  if (!client.ok()) {
    std::fprintf(stderr, "%s\n", std::string(client.status().message()).c_str());
    return 1;
  }

  int next = 2;
  int num_failed = 0;
  auto stream = client->ClassifyMany(
      [&]() -> std::optional<strata::DocumentInput> {
        if (next == argc) return std::nullopt;
        return strata::DocumentInput::FromFile(argv[next++]);
      },
      [&](const std::string& id, absl::StatusOr<strata::ClassifyResult> result) {
        if (!result.ok()) {
          ++num_failed;
          std::printf("%s: %s\n", id.c_str(), std::string(result.status().message()).c_str());
          return;
        }
        for (const strata::LabelScore& label : result->labels) {
          std::printf("%s: %s %.3f\n", id.c_str(), label.label.c_str(), label.probability);
          break;  // the best one
        }
      });
  return stream->Wait().ok() && num_failed == 0 ? 0 : 1;
}

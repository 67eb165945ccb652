// Compares Strata's ROUGE and stemmer with the rouge-score package's on what rouge_parity.py
// writes.
//
// usage: rouge_parity SCRIPT [DATA]     runs SCRIPT with STRATA_TEST_PYTHON (which needs
// rouge-score)
//        rouge_parity --folder FOLDER   compares with a folder that is already written
// Exit code 1: a difference.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/eval/porter_stemmer.h"
#include "models/eval/rouge.h"
#include "tests/foreign/python_script.h"

namespace strata::models {
namespace {

constexpr double kTolerance = 1e-12;
constexpr int kShownDifferences = 20;

int DifferentStems(const std::filesystem::path& path) {
  std::ifstream file(path);
  int compared = 0, different = 0;
  for (std::string line; std::getline(file, line); ++compared) {
    const nlohmann::json pair = nlohmann::json::parse(line);
    const std::string word = pair[0], expected = pair[1], stem = PorterStem(word);
    if (stem == expected) continue;
    if (++different <= kShownDifferences) {
      std::printf("%s: %s here, %s expected\n", word.c_str(), stem.c_str(), expected.c_str());
    }
  }
  std::printf("stems: %d of %d equal\n", compared - different, compared);
  return compared == 0 ? 1 : different;
}

int DifferentScores(const std::filesystem::path& path) {
  std::ifstream file(path);
  int compared = 0, different = 0;
  for (std::string line; std::getline(file, line); ++compared) {
    const nlohmann::json pair = nlohmann::json::parse(line);
    const RougeScores scores =
        ComputeRouge(pair["reference"].get<std::string>(), pair["summary"].get<std::string>());
    std::vector<double> found;
    for (const RougeScore& one :
         {scores.rouge1, scores.rouge2, scores.rouge_l, scores.rouge_l_sum}) {
      found.insert(found.end(), {one.precision, one.recall, one.f1});
    }
    const std::vector<double> expected = pair["scores"];
    double largest = 0;
    for (size_t i = 0; i < found.size(); ++i) {
      largest = std::max(largest, std::abs(found[i] - expected[i]));
    }
    if (largest <= kTolerance) continue;
    if (++different <= kShownDifferences) std::printf("%g off: %s\n", largest, line.c_str());
  }
  std::printf("scores: %d of %d equal\n", compared - different, compared);
  return compared == 0 ? 1 : different;
}

int CompareFolder(const std::filesystem::path& folder) {
  return DifferentStems(folder / "stems.jsonl") + DifferentScores(folder / "cases.jsonl") > 0;
}

}  // namespace
}  // namespace strata::models

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--folder") {
    return strata::models::CompareFolder(argv[2]);
  }
  if (argc != 2 && argc != 3) {
    std::fprintf(stderr, "usage: rouge_parity SCRIPT [DATA] | --folder FOLDER\n");
    return 2;
  }
  return strata::models::CompareWithScript(argv[1], argc == 3 ? argv[2] : "",
                                           "ROUGE was NOT compared with rouge-score",
                                           strata::models::CompareFolder);
}

// How fast a tokenizer reads a text file, on one thread, in processor time.
// Prints a JSON line.
//
// usage: tokenizer_bench TOKENIZER TEXT_FILE [REPEATS]   each line of the file is a text
// tests/foreign/tokenizers_parity_bench.py runs it beside the Python packages.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

#include "models/tokenizer/tokenizer.h"

namespace strata::models {
namespace {

int Run(const char* tokenizer_path, const char* text_path, int repeats) {
  auto tokenizer = Tokenizer::Load(tokenizer_path);
  if (!tokenizer.ok()) {
    std::fprintf(stderr, "%s\n", tokenizer.status().ToString().c_str());
    return 1;
  }
  std::vector<std::string> lines;
  size_t bytes = 0;
  std::ifstream file(text_path);
  for (std::string line; std::getline(file, line);) {
    if (line.empty()) continue;
    bytes += line.size();
    lines.push_back(line);
  }
  if (lines.empty()) {
    std::fprintf(stderr, "%s: no text\n", text_path);
    return 1;
  }
  std::vector<double> rates;  // MB/s
  size_t tokens = 0;
  Encoding encoding;
  for (int i = 0; i <= repeats; ++i) {  // the first round warms up
    tokens = 0;
    const std::clock_t start = std::clock();
    for (const std::string& line : lines) {
      if (absl::Status status = (*tokenizer)->Encode(line, encoding); !status.ok()) {
        std::fprintf(stderr, "%s\n", status.ToString().c_str());
        return 1;
      }
      tokens += encoding.ids.size();
    }
    const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    if (i > 0) rates.push_back(static_cast<double>(bytes) / 1e6 / std::max(seconds, 1e-6));
  }
  std::sort(rates.begin(), rates.end());
  std::printf("{\"kind\": \"%s\", \"mb\": %.2f, \"tokens\": %zu, \"mb_per_s\": %.2f}\n",
              std::string((*tokenizer)->kind()).c_str(), static_cast<double>(bytes) / 1e6, tokens,
              rates[rates.size() / 2]);
  return 0;
}

}  // namespace
}  // namespace strata::models

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: tokenizer_bench TOKENIZER TEXT_FILE [REPEATS]\n");
    return 2;
  }
  return strata::models::Run(argv[1], argv[2], argc > 3 ? std::max(1, std::atoi(argv[3])) : 5);
}

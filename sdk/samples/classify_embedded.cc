// Classifies a text in this process, and says which sentence counted most:
//   classify_embedded MODEL_FOLDER < notes.txt
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <string>

#include "strata/embedded.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s MODEL_FOLDER < TEXT\n", argv[0]);
    return 2;
  }
  strata::EmbeddedOptions options;
  options.models = {{"model", argv[1]}};
  const absl::StatusOr<strata::Client> client = strata::MakeEmbeddedClient(options);
  if (!client.ok()) {
    std::fprintf(stderr, "%s\n", std::string(client.status().message()).c_str());
    return 1;
  }

  std::string text(std::istreambuf_iterator<char>(std::cin), {});
  strata::ClassifyOptions classify;
  classify.explain = true;
  const auto result = client->Classify(
      strata::DocumentInput::FromBytes(std::move(text), strata::DocumentFormat::kPlainText),
      classify);
  if (!result.ok()) {
    std::fprintf(stderr, "%s\n", std::string(result.status().message()).c_str());
    return 1;
  }
  if (!result->labels.empty()) {
    std::printf("%s %.3f\n", result->labels[0].label.c_str(), result->labels[0].probability);
  }
  const auto most = std::max_element(
      result->sentences.begin(), result->sentences.end(),
      [](const auto& a, const auto& b) { return a.contribution < b.contribution; });
  if (most != result->sentences.end()) std::printf("because: %s\n", most->text.c_str());
  return 0;
}

// Documents of every format. The first byte chooses it, kAuto among them.
#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "models/document/document_reader.h"
#include "models/document/document_samples.h"
#include "models/document/document_test_checks.h"
#include "tests/fuzz/fuzz_target.h"

namespace strata::fuzz {
namespace {

using models::DocumentFormat;

constexpr DocumentFormat kFormats[] = {DocumentFormat::kAuto,     DocumentFormat::kPlainText,
                                       DocumentFormat::kMarkdown, DocumentFormat::kHtml,
                                       DocumentFormat::kJats,     DocumentFormat::kJson};

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (const models::DocumentSample& sample : models::kDocumentSamples) {
    const auto* const format = std::find(std::begin(kFormats), std::end(kFormats), sample.format);
    seeds.push_back(WithChoice(static_cast<size_t>(format - kFormats), sample.text));
    seeds.push_back(WithChoice(0, sample.text));  // kAuto
  }
  return seeds;
}

void Run(std::string_view input) {
  const DocumentFormat format = kFormats[TakeChoice(input, std::size(kFormats))];
  const auto tree = models::ReadDocument(input, format, {.max_depth = 6, .max_nodes = 100'000});
  if (tree.ok()) Require(models::BrokenLaw(*tree, input));
}

}  // namespace strata::fuzz

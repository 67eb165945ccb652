// Mutates small samples of every format, with a fixed seed, and checks the laws of the tree on all
// that can be read. Bytes that break UTF-8 are left to document_reader_test.
#include <gtest/gtest.h>
#include <simdjson.h>

#include <random>
#include <vector>

#include "models/document/document_samples.h"
#include "models/document/document_test_checks.h"

namespace strata::models {
namespace {

std::string Mutate(std::string text, std::mt19937& random) {
  static constexpr std::string_view kPieces[] = {
      "<",      ">",      "&",      ";",     "\"",      "'",     "\\",          "[",      "]",
      "{",      "}",      "(",      ")",     "*",       "_",     "`",           "|",      "#",
      "-",      "=",      "\n",     "\n\n",  "\r",      " ",     "\t",          "\u00E9", "\u4F60",
      "\u2029", "\u0301", "<p>",    "</p>",  "<h2>",    "</h2>", "<table>",     "<td>",   "<!--",
      "-->",    "<sec>",  "</sec>", "&amp;", "&#0;",    "&Tab;", "&nbsp;",      ". ",     "? A",
      "> ",     "- ",     "1. ",    "\\n",   "\\u0041", "null",  "\"level\":3,"};
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  const size_t changes = 1 + below(6);
  for (size_t i = 0; i < changes && !text.empty(); ++i) {
    const size_t at = below(text.size());
    const size_t size = std::min(below(24), text.size() - at);
    switch (below(5)) {
      case 0:
        text.erase(at, size);
        break;
      case 1:
        text.insert(at, std::string(kPieces[below(std::size(kPieces))]));
        break;
      case 2:
        text.insert(below(text.size()), text.substr(at, size));
        break;
      case 3:
        text.replace(at, 1, kPieces[below(std::size(kPieces))]);
        break;
      default:
        text.resize(at);
    }
  }
  return text;
}

TEST(DocumentFuzzTest, TheSamplesThemselvesAreRead) {
  for (const DocumentSample& sample : kDocumentSamples) {
    const auto tree = ReadDocument(sample.text, sample.format);
    ASSERT_TRUE(tree.ok()) << tree.status();
    EXPECT_EQ(BrokenLaw(*tree, sample.text), "") << sample.text;
    EXPECT_GT(tree->nodes().size(), 8);
  }
}

TEST(DocumentFuzzTest, MutantsKeepTheLaws) {
  constexpr int kMutants = 2'500;
  std::mt19937 random(20240708);
  for (const DocumentSample& sample : kDocumentSamples) {
    int read = 0;
    for (int i = 0; i < kMutants; ++i) {
      const std::string mutant = Mutate(std::string(sample.text), random);
      if (!simdjson::validate_utf8(mutant)) continue;
      for (DocumentFormat format : {sample.format, DocumentFormat::kAuto}) {
        const auto tree = ReadDocument(mutant, format, {.max_depth = 3});
        if (!tree.ok()) continue;
        ++read;
        ASSERT_EQ(BrokenLaw(*tree, mutant), "") << DocumentFormatName(format) << ":\n" << mutant;
      }
    }
    EXPECT_GT(read, 100) << DocumentFormatName(sample.format);
  }
}

}  // namespace
}  // namespace strata::models

// Compares Strata's tokenizers with the `tokenizers` and `sentencepiece` packages: ids, byte
// offsets and decoded text, exactly, for every kind and text that tokenizers_parity.py writes.
//
// usage: tokenizer_parity SCRIPT [GOLDENS]    runs SCRIPT with the Python that the environment's
//                                             STRATA_TEST_PYTHON (or the build's) names
//        tokenizer_parity --folder FOLDER     compares with a folder that is already written
// Prints a line a kind. Exit code 1: a difference.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/tokenizer/tokenizer.h"
#include "tests/foreign/python_script.h"

namespace strata::models {
namespace {

constexpr int kShownDifferences = 3;

std::vector<std::string> ReadTexts(const std::filesystem::path& path) {
  std::vector<std::string> texts;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    texts.push_back(nlohmann::json::parse(line).get<std::string>());
  }
  return texts;
}

struct Count {
  int texts = 0, equal = 0;
  int raised = 0;  // the package failed, so there is nothing to equal
  int ties = 0;    // see IsTie
  int64_t tokens = 0;
};

void ShowDifference(const std::string& text, const nlohmann::json& expected,
                    const Encoding& encoding) {
  const std::vector<int32_t> ids = expected.at("ids");
  const std::vector<int64_t> offsets = expected.at("offsets");
  size_t i = 0;
  while (i < ids.size() && i < encoding.ids.size() && ids[i] == encoding.ids[i] &&
         offsets[2 * i] == encoding.offsets[i].begin &&
         offsets[2 * i + 1] == encoding.offsets[i].end) {
    ++i;
  }
  std::printf("  text %s\n  token %zu of %zu here, %zu expected\n",
              nlohmann::json(text).dump(-1, ' ', /*ensure_ascii=*/true).substr(0, 300).c_str(), i,
              encoding.ids.size(), ids.size());
  for (size_t k = i > 0 ? i - 1 : 0; k < i + 3; ++k) {
    if (k < encoding.ids.size()) {
      std::printf("    here     %zu: %d [%ld, %ld)\n", k, encoding.ids[k],
                  static_cast<long>(encoding.offsets[k].begin),
                  static_cast<long>(encoding.offsets[k].end));
    }
    if (k < ids.size()) {
      std::printf("    expected %zu: %d [%ld, %ld)\n", k, ids[k], static_cast<long>(offsets[2 * k]),
                  static_cast<long>(offsets[2 * k + 1]));
    }
  }
}

void ShowDecoded(const std::string& text, const nlohmann::json& expected,
                 const std::string& decoded) {
  const auto show = [](const char* title, const nlohmann::json& json) {
    std::printf("  %-16s %s\n", title,
                json.dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace)
                    .substr(0, 300)
                    .c_str());
  };
  show("text", text);
  show("decoded here", decoded);
  show("expected", expected.at("decoded"));
}

bool Equals(const nlohmann::json& expected, const Encoding& encoding) {
  std::vector<int64_t> offsets;
  for (const ByteSpan& span : encoding.offsets) {
    offsets.push_back(span.begin);
    offsets.push_back(span.end);
  }
  return expected.at("ids") == nlohmann::json(encoding.ids) &&
         expected.at("offsets") == nlohmann::json(offsets);
}

// The same pieces in another order: readings of equal probability, of which SentencePiece 0.1 (the
// library) and 0.2 (the Python package) pick different ones. 0.1.99 gives what the library gives.
bool IsTie(const std::string& kind, const nlohmann::json& expected, const Encoding& encoding) {
  if (kind.rfind("sentencepiece", 0) != 0) return false;
  std::vector<int32_t> theirs = expected.at("ids"), ours = encoding.ids;
  std::sort(theirs.begin(), theirs.end());
  std::sort(ours.begin(), ours.end());
  return theirs == ours;
}

Count CompareKind(const std::filesystem::path& folder, const std::vector<std::string>& texts) {
  Count count;
  count.texts = static_cast<int>(texts.size());
  auto tokenizer = Tokenizer::Load(folder.string());
  if (!tokenizer.ok()) {
    std::printf("  %s\n", tokenizer.status().ToString().c_str());
    return count;
  }
  std::ifstream file(folder / "expected.jsonl");
  Encoding encoding;
  int shown = 0;
  for (const std::string& text : texts) {
    std::string line;
    if (!std::getline(file, line)) break;
    const nlohmann::json expected = nlohmann::json::parse(line);
    const absl::Status status = (*tokenizer)->Encode(text, encoding);
    if (expected.contains("error")) {
      ++count.raised;
      continue;
    }
    count.tokens += static_cast<int64_t>(expected.at("ids").size());
    const std::string decoded = (*tokenizer)->Decode(expected.at("ids"));
    if (!expected.at("decoded").is_null() && decoded != expected.at("decoded")) {
      if (shown++ < kShownDifferences) ShowDecoded(text, expected, decoded);
    } else if (status.ok() && Equals(expected, encoding)) {
      ++count.equal;
    } else if (status.ok() && IsTie(folder.filename().string(), expected, encoding)) {
      ++count.ties;
    } else if (shown++ < kShownDifferences) {
      if (!status.ok()) std::printf("  %s\n", status.ToString().c_str());
      ShowDifference(text, expected, encoding);
    }
  }
  return count;
}

int CompareFolder(const std::filesystem::path& folder) {
  const std::vector<std::string> texts = ReadTexts(folder / "texts.jsonl");
  std::vector<std::filesystem::path> kinds;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_directory()) kinds.push_back(entry.path());
  }
  std::sort(kinds.begin(), kinds.end());
  int different = 0;
  Count all;
  for (const auto& kind : kinds) {
    const bool own = std::filesystem::exists(kind / "texts.jsonl");
    const Count count = CompareKind(kind, own ? ReadTexts(kind / "texts.jsonl") : texts);
    std::printf("%-46s %5d of %5d texts equal, %ld tokens", kind.filename().c_str(), count.equal,
                count.texts - count.raised, static_cast<long>(count.tokens));
    if (count.ties > 0) std::printf(", %d equally probable in another order", count.ties);
    if (count.raised > 0) std::printf(", %d where the package fails", count.raised);
    std::printf("\n");
    different += count.texts - count.raised - count.equal - count.ties;
    all.texts += count.texts - count.raised;
    all.equal += count.equal;
    all.tokens += count.tokens;
  }
  std::printf("%zu kinds: %d of %d texts equal, %ld tokens\n", kinds.size(), all.equal, all.texts,
              static_cast<long>(all.tokens));
  return different == 0 && !kinds.empty() ? 0 : 1;
}

}  // namespace
}  // namespace strata::models

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--folder") {
    return strata::models::CompareFolder(argv[2]);
  }
  if (argc < 2) {
    std::fprintf(stderr, "usage: tokenizer_parity SCRIPT [GOLDENS] | --folder FOLDER\n");
    return 2;
  }
  return strata::models::CompareWithScript(
      argv[1], argc > 2 ? argv[2] : "",
      "the tokenizers were NOT compared with the packages tokenizers and sentencepiece",
      strata::models::CompareFolder);
}

// Text through a tokenizer of each kind (the first byte chooses it), and tokenizer files
// themselves.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/tokenizer/tokenizer.h"
#include "models/tokenizer/tokenizer_json.h"
#include "tests/fuzz/fuzz_target.h"

namespace strata::fuzz {
namespace {

using models::Encoding;
using models::Tokenizer;

constexpr std::string_view kBpe = R"({"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"c":3,
"Ġ":4,"Ġa":5,"Ã":6,"©":7,"Ã©":8},"merges":["a b","Ġ a","Ã ©"]},"pre_tokenizer":{"type":"ByteLevel",
"add_prefix_space":true,"trim_offsets":true},"added_tokens":[{"id":9,"content":"<s>",
"special":true,"lstrip":true,"rstrip":false,"single_word":false,"normalized":false}]})";
constexpr std::string_view kUnigram = R"({"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],
["▁",-2],["a",-1.5],["▁a",-1],["ab",-1.2],["b",-3]]},"normalizer":{"type":"NFKC"},
"pre_tokenizer":{"type":"Metaspace","replacement":"▁","add_prefix_space":true}})";
constexpr std::string_view kWordPiece = R"({"model":{"type":"WordPiece","unk_token":"[UNK]",
"continuing_subword_prefix":"##","max_input_chars_per_word":100,"vocab":{"[UNK]":0,"a":1,"##b":2,
"b":3,"##a":4}},"normalizer":{"type":"BertNormalizer","clean_text":true,
"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},
"pre_tokenizer":{"type":"BertPreTokenizer"}})";
constexpr std::string_view kFiles[] = {kBpe, kUnigram, kWordPiece};

const std::vector<std::unique_ptr<Tokenizer>>& Tokenizers() {
  static const auto& tokenizers = *[] {
    auto* made = new std::vector<std::unique_ptr<Tokenizer>>;
    for (const std::string_view file : kFiles) {
      auto tokenizer = models::MakeTokenizerFromJson(std::string(file), "seed");
      Require(tokenizer.ok() ? "" : std::string(tokenizer.status().message()));
      made->push_back(*std::move(tokenizer));
    }
    return made;
  }();
  return tokenizers;
}

void Encode(const Tokenizer& tokenizer, std::string_view text) {
  Encoding encoding;
  if (!tokenizer.Encode(text, encoding).ok()) return;
  Require(encoding.ids.size() == encoding.offsets.size(), "an offset a token");
  for (size_t t = 0; t < encoding.ids.size(); ++t) {
    const models::ByteSpan& span = encoding.offsets[t];
    Require(
        span.begin >= 0 && span.begin <= span.end && span.end <= static_cast<int64_t>(text.size()),
        "offsets lie in the text");
    Require(encoding.ids[t] >= 0 && encoding.ids[t] < tokenizer.vocab_size(), "ids are known");
  }
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (size_t i = 0; i < std::size(kFiles); ++i) {
    seeds.push_back(WithChoice(i, "ab a  b\u00E9 <s> \u4F60\u0301\u200D\U0001F600\tAB"));
    seeds.push_back(WithChoice(std::size(kFiles), kFiles[i]));
  }
  seeds.push_back(WithChoice(std::size(kFiles) + 1, "[UNK]\na\n##b\nb\n"));
  return seeds;
}

void Run(std::string_view input) {
  const size_t choice = TakeChoice(input, std::size(kFiles) + 2);
  if (choice < std::size(kFiles)) {
    Encode(*Tokenizers()[choice], input);
    return;
  }
  const std::string file(input);
  const auto tokenizer = choice == std::size(kFiles)
                             ? models::MakeTokenizerFromJson(file, "input")
                             : models::MakeTokenizerFromVocabulary(file, "", "", "input");
  if (tokenizer.ok()) Encode(**tokenizer, "ab a  b\u00E9 <s> \u4F60\u0301 AB");
}

}  // namespace strata::fuzz

#include "models/engine/testing/tiny_models.h"

#include <ATen/ATen.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "models/checkpoint/safetensors.h"
#include "models/hdt/hdt.h"
#include "models/hdt/hdt_decoder.h"
#include "nlohmann/json.hpp"

namespace strata::models::testing {
namespace {

using Json = nlohmann::json;

const char* const kSpecial[] = {"<pad>", "</s>",  "<unk>", "<cls>", "<sep>", "<mask>",
                                "<s>",   "<doc>", "<sec>", "<NLU>", "<NLG>", "<S2S>"};
const char* const kWords[] = {
    "the",   "a",     "of",    "and",   "to",    "in",    "is",    "it",    "river", "sea",
    "ship",  "wind",  "water", "salt",  "cold",  "warm",  "light", "night", "day",   "year",
    "man",   "woman", "town",  "house", "wall",  "stone", "bread", "grain", "field", "forest",
    "horse", "road",  "king",  "war",   "peace", "law",   "word",  "book",  "song",  "star"};

Json Tokenizer() {
  Json vocabulary = Json::object(), added = Json::array();
  int id = 0;
  for (const char* token : kSpecial) {
    added.push_back({{"id", id},
                     {"content", token},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
    vocabulary[token] = id++;
  }
  for (const char* word : kWords) vocabulary[word] = id++;
  for (char letter = 'a'; letter <= 'z'; ++letter) {
    if (letter != 'a') vocabulary[std::string(1, letter)] = id++;
    vocabulary[absl::StrCat("##", std::string(1, letter))] = id++;
  }
  for (const char* mark : {".", ",", "?", "!", ";", ":"}) vocabulary[mark] = id++;
  Json root = {{"version", "1.0"}, {"added_tokens", added}};
  root["normalizer"] = {{"type", "BertNormalizer"},
                        {"clean_text", true},
                        {"handle_chinese_chars", true},
                        {"strip_accents", nullptr},
                        {"lowercase", true}};
  root["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
  root["decoder"] = {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}};
  root["model"] = {{"type", "WordPiece"},
                   {"unk_token", "<unk>"},
                   {"continuing_subword_prefix", "##"},
                   {"max_input_chars_per_word", 100},
                   {"vocab", vocabulary}};
  return root;
}

absl::Status Write(const std::filesystem::path& path, const Json& json) {
  std::ofstream stream(path);
  stream << json.dump(1) << "\n";
  return stream ? absl::OkStatus()
                : absl::InternalError(absl::StrCat("cannot write ", path.string()));
}

}  // namespace

absl::Status WriteTinyWriter(const std::string& folder) {
  const std::filesystem::path root(folder);
  const Json tokenizer = Tokenizer();
  const auto vocab_size = static_cast<int32_t>(tokenizer["model"]["vocab"].size());
  const Json config = {{"model_type", "hdt"},
                       {"architectures", {"HDTForConditionalGeneration"}},
                       {"vocab_size", vocab_size},
                       {"d_model", 32},
                       {"d_kv", 16},
                       {"d_ff", 48},
                       {"num_layers", 2},
                       {"num_decoder_layers", 2},
                       {"num_heads", 2},
                       {"is_encoder_decoder", true},
                       {"max_decoder_position_embeddings", 16},
                       {"bos_token_id", 6},
                       {"eos_token_id", 1},
                       {"pad_token_id", 0}};
  std::vector<int> silent;  // special tokens would leave no text
  for (int id = 0; id < std::ssize(kSpecial); ++id) {
    if (id != 1) silent.push_back(id);
  }
  const auto parsed = ParseHdtConfig(config.dump(), "config.json");
  if (!parsed.ok()) return parsed.status();
  at::manual_seed(11);
  Hdt encoder(*parsed, HdtHeads{}, InitialHdtWeights(*parsed));
  HdtDecoder decoder(*parsed, InitialHdtDecoderWeights(*parsed, encoder.weights().shared));
  std::vector<WeightEntry> table = encoder.Table();
  for (WeightEntry& entry : decoder.Table()) table.push_back(std::move(entry));
  for (const WeightEntry& entry : table) {
    if (entry.shape.size() > 1) RowsOf(entry).normal_(0, entry.key == "shared.weight" ? 2.0 : 0.3);
  }
  for (const auto& [name, json] : {std::pair<const char*, Json>{"config.json", config},
                                   {"generation_config.json", Json{{"suppress_tokens", silent}}},
                                   {"tokenizer.json", tokenizer}}) {
    if (absl::Status s = Write(root / name, json); !s.ok()) return s;
  }
  return WriteSafetensors((root / "model.safetensors").string(),
                          SaveWeights(table, TensorType::kFloat32));
}

}  // namespace strata::models::testing

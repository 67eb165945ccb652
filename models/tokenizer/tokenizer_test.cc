// What a caller sees: loading, errors, offsets, long and hostile input. That ids and offsets equal
// the package's on many texts is tests/foreign's.
#include "models/tokenizer/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace strata::models {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

json AddedToken(const std::string& content, int id) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", true}};
}

json WordPieceFile() {
  return {{"version", "1.0"},
          {"added_tokens", json::array({AddedToken("[MASK]", 1)})},
          {"normalizer",
           {{"type", "BertNormalizer"},
            {"clean_text", true},
            {"handle_chinese_chars", true},
            {"strip_accents", nullptr},
            {"lowercase", true}}},
          {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
          {"post_processor", nullptr},
          {"model",
           {{"type", "WordPiece"},
            {"unk_token", "[UNK]"},
            {"continuing_subword_prefix", "##"},
            {"max_input_chars_per_word", 100},
            {"vocab",
             {{"[UNK]", 0},
              {"[MASK]", 1},
              {"river", 2},
              {"run", 3},
              {"##s", 4},
              {",", 5},
              {"\xE6\xB2\xB3", 6}}}}}};
}

json BpeFile() {
  json vocab;
  int id = 0;
  for (const char* token : {"l", "o", "w", "e", "r", "lo", "low", "er",
                            "low"
                            "er",
                            "<unk>"}) {
    vocab[token] = id++;
  }
  return {{"model",
           {{"type", "BPE"},
            {"unk_token", "<unk>"},
            {"vocab", vocab},
            {"merges", {"l o", "lo w", "e r", "low er"}}}}};
}

json UnigramFile() {
  json vocab = json::array();  // not from braces: nlohmann would read pairs as an object
  const std::pair<const char*, double> pieces[] = {{"<unk>", 0.0},
                                                   {"\xE2\x96\x81", -2.0},
                                                   {"a", -3.0},
                                                   {"b", -3.0},
                                                   {"ab", -4.0},
                                                   {"\xE2\x96\x81"
                                                    "ab",
                                                    -4.5}};
  for (const auto& [piece, score] : pieces) vocab.push_back(json::array({piece, score}));
  return {{"pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "\xE2\x96\x81"}}},
          {"model", {{"type", "Unigram"}, {"unk_id", 0}, {"vocab", vocab}}}};
}

class TokenizerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "strata_tokenizer_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << content;
  }
  absl::StatusOr<std::unique_ptr<Tokenizer>> Load(const json& file) const {
    Write("tokenizer.json", file.dump());
    return Tokenizer::Load(folder_ + "/tokenizer.json");
  }
  std::string LoadError(const json& file) const {
    return std::string(Load(file).status().message());
  }
  Encoding Encode(const json& file, std::string_view text) const {
    auto tokenizer = Load(file);
    EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
    Encoding encoding;
    if (tokenizer.ok()) {
      EXPECT_TRUE((*tokenizer)->Encode(text, encoding).ok());
    }
    return encoding;
  }

  std::string folder_;
};

TEST_F(TokenizerTest, WordPieceGivesIdsAndSourceBytes) {
  const Encoding encoding = Encode(WordPieceFile(), "R\xC3\xADver, RUNS [MASK] x\xE6\xB2\xB3");
  EXPECT_THAT(encoding.ids, ElementsAre(2, 5, 3, 4, 1, 0, 6));
  EXPECT_THAT(encoding.offsets,
              ElementsAre(ByteSpan{0, 6}, ByteSpan{6, 7}, ByteSpan{8, 11}, ByteSpan{11, 12},
                          ByteSpan{13, 19}, ByteSpan{20, 21}, ByteSpan{21, 24}));
}

TEST_F(TokenizerTest, BpeMergesByRank) {
  const Encoding encoding = Encode(BpeFile(), "lowerlow?low");
  EXPECT_THAT(encoding.ids, ElementsAre(8, 6, 9, 6));
  EXPECT_THAT(encoding.offsets,
              ElementsAre(ByteSpan{0, 5}, ByteSpan{5, 8}, ByteSpan{8, 9}, ByteSpan{9, 12}));
}

TEST_F(TokenizerTest, UnigramTakesTheMostProbablePiecesAndJoinsUnknownOnes) {
  const Encoding encoding = Encode(UnigramFile(), "ab xyb");
  EXPECT_THAT(encoding.ids, ElementsAre(5, 1, 0, 3));
  EXPECT_THAT(encoding.offsets,
              ElementsAre(ByteSpan{0, 2}, ByteSpan{2, 3}, ByteSpan{3, 5}, ByteSpan{5, 6}));
}

TEST_F(TokenizerTest, EmptyAndInvalidTexts) {
  EXPECT_THAT(Encode(WordPieceFile(), "").ids, IsEmpty());
  EXPECT_THAT(Encode(WordPieceFile(), " \n\t").ids, IsEmpty());
  auto tokenizer = Load(WordPieceFile());
  ASSERT_TRUE(tokenizer.ok());
  Encoding encoding;
  for (const auto& [text, byte] :
       {std::pair("ab\xFF", "byte 2"), std::pair("\xC0\x80", "byte 0"),
        std::pair("x\xED\xA0\x80", "byte 1"), std::pair("xy\xE6\xB2", "byte 2")}) {
    const absl::Status status = (*tokenizer)->Encode(text, encoding);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(byte));
  }
}

TEST_F(TokenizerTest, FindsTokensBothWays) {
  auto tokenizer = Load(WordPieceFile());
  ASSERT_TRUE(tokenizer.ok());
  EXPECT_EQ((*tokenizer)->kind(), "wordpiece");
  EXPECT_EQ((*tokenizer)->vocab_size(), 7);
  EXPECT_EQ((*tokenizer)->TokenToId("[MASK]"), 1);
  EXPECT_EQ((*tokenizer)->TokenToId("rivers"), std::nullopt);
  EXPECT_EQ((*tokenizer)->IdToToken(4), "##s");
  EXPECT_EQ((*tokenizer)->IdToToken(7), "");
  EXPECT_EQ((*tokenizer)->IdToToken(-1), "");
}

TEST_F(TokenizerTest, LoadsTheFileThatAFolderHolds) {
  EXPECT_EQ(Tokenizer::Load(folder_).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Tokenizer::Load(folder_ + "/no").status().code(), absl::StatusCode::kNotFound);
  Write("vocab.txt", "[UNK]\n[CLS]\nRiver\nriver\n\xC3\xA9\ne\n");
  Write("added_tokens.json", R"({"<doc>": 6})");
  auto lower = Tokenizer::Load(folder_);
  ASSERT_TRUE(lower.ok()) << lower.status();
  Encoding encoding;
  ASSERT_TRUE((*lower)->Encode("River [CLS]<doc>\xC3\x89", encoding).ok());
  EXPECT_THAT(encoding.ids, ElementsAre(3, 1, 6, 5));

  Write("tokenizer_config.json", R"({"do_lower_case": false, "unk_token": {"content": "[UNK]"}})");
  auto cased = Tokenizer::Load(folder_);
  ASSERT_TRUE(cased.ok()) << cased.status();
  ASSERT_TRUE((*cased)->Encode("River \xC3\xA9", encoding).ok());
  EXPECT_THAT(encoding.ids, ElementsAre(2, 4));

  Write("tokenizer_config.json", R"({"unk_token": "<none>"})");
  EXPECT_THAT(std::string(Tokenizer::Load(folder_).status().message()), HasSubstr("<none>"));
}

TEST_F(TokenizerTest, BadFilesAreErrorsThatNameTheField) {
  Write("tokenizer.json", WordPieceFile().dump().substr(0, 400));
  EXPECT_THAT(std::string(Tokenizer::Load(folder_).status().message()), HasSubstr("not JSON"));
  for (const json& file : {json::array(), json("text"), json(3)}) {
    EXPECT_THAT(LoadError(file), HasSubstr("object"));
  }
  EXPECT_THAT(LoadError(json::object()), HasSubstr("model"));

  const auto changed = [](const std::string& pointer, const json& value) {
    json file = WordPieceFile();
    file[json::json_pointer(pointer)] = value;
    return file;
  };
  EXPECT_THAT(LoadError(changed("/model/type", "WordLevel")), HasSubstr("model.type: 'WordLevel'"));
  EXPECT_THAT(LoadError(changed("/model/unk_token", "<unk>")), HasSubstr("model.unk_token"));
  EXPECT_THAT(LoadError(changed("/model/vocab", json::array())), HasSubstr("model.vocab"));
  EXPECT_THAT(LoadError(changed("/model/vocab/river", -1)), HasSubstr("model.vocab[\"river\"]"));
  EXPECT_THAT(LoadError(changed("/model/vocab/river", 3)), HasSubstr("id 3 is taken"));
  EXPECT_THAT(LoadError(changed("/model/vocab/river", 1.5)), HasSubstr("whole number"));
  EXPECT_THAT(LoadError(changed("/model/vocab/river", 99999999999u)), HasSubstr("whole number"));
  EXPECT_THAT(LoadError(changed("/model/max_input_chars_per_word", "x")), HasSubstr("max_input"));
  EXPECT_THAT(LoadError(changed("/normalizer/type", "Bert")), HasSubstr("normalizer.type"));
  EXPECT_THAT(LoadError(changed("/normalizer/lowercase", 1)), HasSubstr("normalizer.lowercase"));
  EXPECT_THAT(LoadError(changed("/pre_tokenizer/type", "UnicodeScripts")),
              HasSubstr("pre_tokenizer"));
  EXPECT_THAT(LoadError(changed("/added_tokens/0/id", "x")), HasSubstr("added_tokens[0].id"));
  EXPECT_THAT(LoadError(changed("/added_tokens/0/content", 5)),
              HasSubstr("added_tokens[0].content"));
  EXPECT_THAT(LoadError(changed("/version", "2.0")), HasSubstr("version"));
  EXPECT_THAT(
      LoadError(changed("/normalizer",
                        {{"type", "Replace"}, {"pattern", {{"Regex", "(a"}}}, {"content", ""}})),
      HasSubstr("normalizer.pattern.Regex"));
  EXPECT_THAT(LoadError(changed("/normalizer",
                                {{"type", "Precompiled"}, {"precompiled_charsmap", "/////w=="}})),
              HasSubstr("precompiled_charsmap"));
  json deep = {{"type", "NFC"}};
  for (int i = 0; i < 1000; ++i)
    deep = {{"type", "Sequence"}, {"normalizers", json::array({deep})}};
  EXPECT_THAT(LoadError(changed("/normalizer", deep)), HasSubstr("too deeply"));

  json bpe = BpeFile();
  bpe["model"]["merges"] = json::array({"l", "o w"});
  EXPECT_THAT(LoadError(bpe), HasSubstr("model.merges[0]"));
  bpe["model"]["merges"] = json::array({"l x"});
  EXPECT_THAT(LoadError(bpe), HasSubstr("\"x\" is not in the vocabulary"));
  bpe = BpeFile();
  bpe["model"]["dropout"] = 0.1;
  EXPECT_THAT(LoadError(bpe), HasSubstr("model.dropout"));

  json unigram = UnigramFile();
  unigram["model"]["unk_id"] = 6;
  EXPECT_THAT(LoadError(unigram), HasSubstr("model.unk_id"));
  unigram["model"]["vocab"][2] = {"a", "b"};
  EXPECT_THAT(LoadError(unigram), HasSubstr("model.vocab[2]"));
}

TEST_F(TokenizerTest, ATokenForTheUnknownThatIsMissingIsAnErrorWhenNeeded) {
  json bpe = BpeFile();
  bpe["model"]["unk_token"] = "<none>";
  json unigram = UnigramFile();
  unigram["model"]["unk_id"] = nullptr;
  for (const json& file : {bpe, unigram}) {
    auto tokenizer = Load(file);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
    Encoding encoding;
    EXPECT_EQ((*tokenizer)->Encode("?", encoding).code(), absl::StatusCode::kFailedPrecondition);
  }
}

// Every prefix of a file, and the file with single bytes changed: an error or a tokenizer, no
// crash.
TEST_F(TokenizerTest, DamagedFilesDoNotCrash) {
  for (const json& file : {WordPieceFile(), BpeFile(), UnigramFile()}) {
    const std::string whole = file.dump();
    Encoding encoding;
    for (size_t i = 0; i < whole.size(); i += 3) {
      Write("tokenizer.json", whole.substr(0, i));
      EXPECT_FALSE(Tokenizer::Load(folder_).ok());
      std::string changed = whole;
      changed[i] = static_cast<char>(changed[i] ^ static_cast<char>(1 + i % 7));
      Write("tokenizer.json", changed);
      auto tokenizer = Tokenizer::Load(folder_);
      if (tokenizer.ok()) (void)(*tokenizer)->Encode("R\xC3\xADver, low ab [MASK]", encoding);
    }
  }
}

TEST_F(TokenizerTest, LongRunsTakeNearLinearTime) {
  json bytes = BpeFile();
  bytes["normalizer"] = {{"type", "NFC"}};
  json bert_marks = WordPieceFile();
  bert_marks["normalizer"]["lowercase"] = false;
  bert_marks["normalizer"]["strip_accents"] = false;
  json added = WordPieceFile();
  added["added_tokens"].push_back(AddedToken(" ", 7));
  added["added_tokens"][1]["lstrip"] = added["added_tokens"][1]["rstrip"] = true;
  std::string marks = "e";
  for (int i = 0; i < 250000; ++i) marks += i % 2 == 0 ? "\xCC\x81" : "\xCC\xA3";  // U+0301 U+0323
  std::string lows;
  while (lows.size() < 1000000) lows += "low";
  const auto start = std::chrono::steady_clock::now();
  Encoding encoding;
  for (const json& file : {WordPieceFile(), bert_marks, added, bytes, UnigramFile()}) {
    auto tokenizer = Load(file);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
    for (const std::string& text : {std::string(1000000, 'l'), lows, std::string(1000000, ' '),
                                    std::string(1000000, '\n'), marks}) {
      ASSERT_TRUE((*tokenizer)->Encode(text, encoding).ok());
      for (const ByteSpan& span : encoding.offsets) {
        ASSERT_LE(span.end, static_cast<int64_t>(text.size()));
      }
    }
  }
  // Quadratic time would be an hour; this allows for sanitizers on a busy machine.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(120));
}

TEST_F(TokenizerTest, ThreadsAndTokenizersDoNotDisturbEachOther) {
  auto pieces = Load(WordPieceFile());
  auto merges = Load(BpeFile());
  ASSERT_TRUE(pieces.ok() && merges.ok());
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      Encoding encoding;
      for (int i = 0; i < 500; ++i) {
        if (!(*pieces)->Encode("low river", encoding).ok() ||
            encoding.ids != std::vector<int32_t>{0, 2}) {
          ++wrong;
        }
        if (!(*merges)->Encode("low", encoding).ok() || encoding.ids != std::vector<int32_t>{6}) {
          ++wrong;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace strata::models

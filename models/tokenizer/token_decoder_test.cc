#include "models/tokenizer/token_decoder.h"

#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/tokenizer/growing_text.h"
#include "models/tokenizer/tokenizer_json.h"

namespace strata::models {
namespace {

using ::testing::HasSubstr;

std::string Decode(const char* json, std::vector<std::string> tokens) {
  const nlohmann::json parsed = nlohmann::json::parse(json);
  const auto decoder = ParseTokenDecoder(JsonField(parsed, "decoder"));
  EXPECT_TRUE(decoder.ok()) << decoder.status();
  (*decoder)->Apply(tokens);
  return absl::StrJoin(tokens, "");
}

TEST(TokenDecoder, WordPieceJoinsPiecesAndClosesUpPunctuation) {
  const char* json = R"({"type":"WordPiece","prefix":"##","cleanup":true})";
  EXPECT_EQ(Decode(json, {"he", "##llo", "world", ".", "i", "do not"}), "hello world. i don't");
  EXPECT_EQ(Decode(json, {"##llo"}), "##llo");
}

TEST(TokenDecoder, MetaspaceDropsTheSpaceInFront) {
  EXPECT_EQ(Decode(R"({"type":"Metaspace","replacement":"▁","prepend_scheme":"always"})",
                   {"▁Hello", "▁wor", "ld"}),
            "Hello world");
  EXPECT_EQ(Decode(R"({"type":"Metaspace","replacement":"▁","prepend_scheme":"never"})",
                   {"▁Hello", "▁world"}),
            " Hello world");
}

TEST(TokenDecoder, ByteLevelPutsCharactersTogether) {
  EXPECT_EQ(Decode(R"({"type":"ByteLevel"})", {"H", "Ã", "©", "ĠÃ"}), "H\xC3\xA9 \xEF\xBF\xBD");
}

TEST(TokenDecoder, LlamasChain) {
  const char* json = R"({"type":"Sequence","decoders":[
      {"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},
      {"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]})";
  EXPECT_EQ(Decode(json, {"▁Hi", "▁", "<0xE2>", "<0x82>", "<0xAC>", "!"}), "Hi €!");
  EXPECT_EQ(Decode(json, {"▁", "<0xE2>", "<0x82>", "!"}), "\xEF\xBF\xBD\xEF\xBF\xBD!");
}

TEST(TokenDecoder, SaysWhatItDoesNotKnow) {
  const nlohmann::json parsed = nlohmann::json::parse(R"({"type":"Morse"})");
  EXPECT_THAT(std::string(ParseTokenDecoder(JsonField(parsed, "decoder")).status().message()),
              HasSubstr("decoder.type: 'Morse'"));
}

TEST(ToValidUtf8, ReplacesEachMaximalPart) {
  const std::string kBad = "\xEF\xBF\xBD";
  EXPECT_EQ(ToValidUtf8("aé€"), "aé€");
  EXPECT_EQ(ToValidUtf8("a\x80z"), "a" + kBad + "z");
  EXPECT_EQ(ToValidUtf8("a\xE2\x82z"), "a" + kBad + "z");
  EXPECT_EQ(ToValidUtf8("\xF0\x9F\x98"), kBad);
  EXPECT_EQ(ToValidUtf8("\xE0\x80\xC3"), kBad + kBad + kBad);
}

std::unique_ptr<Tokenizer> ByteTokenizer() {
  auto tokenizer = MakeTokenizerFromJson(
      R"({"version":"1.0","added_tokens":[{"id":5,"content":"</s>","single_word":false,
          "lstrip":false,"rstrip":false,"normalized":false,"special":true}],
          "pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,
          "use_regex":true},"decoder":{"type":"ByteLevel"},
          "model":{"type":"BPE","vocab":{"H":0,"i":1,"Ã":2,"©":3,"Ġ":4,"</s>":5},"merges":[]}})",
      "tokenizer.json");
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return *std::move(tokenizer);
}

TEST(Tokenizer, DecodeLeavesOutSpecialAndUnknownTokens) {
  EXPECT_EQ(ByteTokenizer()->Decode({0, 1, 5, 4, 2, 3, 99, -1}), "Hi \xC3\xA9");
}

TEST(GrowingText, HoldsBackAnUnfinishedCharacter) {
  const auto tokenizer = ByteTokenizer();
  GrowingText text(*tokenizer);
  EXPECT_EQ(text.Append({0}), "H");
  EXPECT_EQ(text.Append({1, 4}), "i ");
  EXPECT_EQ(text.Append({2}), "");
  EXPECT_EQ(text.Append({3}), "\xC3\xA9");
  EXPECT_EQ(text.Append({2}), "");
  EXPECT_EQ(text.Finish(), "\xEF\xBF\xBD");
  EXPECT_EQ(text.text(), "Hi \xC3\xA9\xEF\xBF\xBD");
}

}  // namespace
}  // namespace strata::models

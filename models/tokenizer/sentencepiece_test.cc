#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "models/tokenizer/sentencepiece_trainer.h"
#include "models/tokenizer/tokenizer.h"

namespace strata::models {
namespace {

using ::testing::HasSubstr;

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<std::string> Sentences() {
  std::vector<std::string> sentences;
  for (int i = 0; i < 200; ++i) {
    // absl::StrCat here, SentencePiece below: Abseil and the library's own copy in one program.
    sentences.push_back(absl::StrCat("The river number ", i, " runs slowly to the northern sea."));
    sentences.push_back(absl::StrCat("Running water carries small stones; see page ", i * 7, "."));
  }
  return sentences;
}

class SentencePieceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "strata_sentencepiece_" +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(folder_);
    options_.vocab_size = 120;
    options_.control_symbols = {"<doc>", "<sec>", "<cls>", "<mask>"};
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string Path(const char* name) const { return folder_ + "/" + name; }

  std::string folder_;
  SentencePieceTrainerOptions options_;
};

TEST_F(SentencePieceTest, TrainedModelGivesControlSymbolsButNeverFromText) {
  ASSERT_TRUE(TrainSentencePiece(Sentences(), options_, Path("spiece.model")).ok());
  auto tokenizer = Tokenizer::Load(folder_);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_EQ((*tokenizer)->kind(), "sentencepiece");
  EXPECT_EQ((*tokenizer)->TokenToId("<pad>"), 0);
  EXPECT_EQ((*tokenizer)->TokenToId("<unk>"), 1);
  EXPECT_EQ((*tokenizer)->TokenToId("<doc>"), 2);
  EXPECT_EQ((*tokenizer)->TokenToId("<mask>"), 5);
  EXPECT_EQ((*tokenizer)->TokenToId("no such piece"), std::nullopt);
  EXPECT_EQ((*tokenizer)->IdToToken(3), "<sec>");
  EXPECT_EQ((*tokenizer)->IdToToken(-1), "");
  EXPECT_EQ((*tokenizer)->IdToToken((*tokenizer)->vocab_size()), "");

  Encoding encoding;
  ASSERT_TRUE((*tokenizer)->Encode("the <doc> river <mask><pad> <cls>", encoding).ok());
  for (int32_t id : encoding.ids) {
    EXPECT_NE(id, 0);
    EXPECT_FALSE(id >= 2 && id <= 5) << id;
  }
}

TEST_F(SentencePieceTest, OffsetsCoverTheText) {
  ASSERT_TRUE(TrainSentencePiece(Sentences(), options_, Path("a.model")).ok());
  auto tokenizer = Tokenizer::Load(Path("a.model"));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  const std::string text = "RUNNING  water \xE2\x84\xA6 sea";  // double space, U+2126
  Encoding encoding;
  ASSERT_TRUE((*tokenizer)->Encode(text, encoding).ok());
  ASSERT_EQ(encoding.ids.size(), encoding.offsets.size());
  int64_t end = 0;
  for (const ByteSpan& span : encoding.offsets) {
    EXPECT_LE(end, span.begin);
    end = span.end;
  }
  EXPECT_EQ(end, static_cast<int64_t>(text.size()));

  ASSERT_TRUE((*tokenizer)->Encode("", encoding).ok());
  EXPECT_TRUE(encoding.ids.empty());
  EXPECT_THAT(std::string((*tokenizer)->Encode("ab\xFF", encoding).message()), HasSubstr("byte 2"));
}

TEST_F(SentencePieceTest, TrainingIsRepeatable) {
  ASSERT_TRUE(TrainSentencePiece(Sentences(), options_, Path("a.model")).ok());
  ASSERT_TRUE(TrainSentencePiece(Sentences(), options_, Path("b.model")).ok());
  EXPECT_EQ(ReadAll(Path("a.model")), ReadAll(Path("b.model")));
}

TEST_F(SentencePieceTest, TrainsBpe) {
  options_.model_type = SentencePieceTrainerOptions::ModelType::kBpe;
  ASSERT_TRUE(TrainSentencePiece(Sentences(), options_, Path("a.model")).ok());
  auto tokenizer = Tokenizer::Load(Path("a.model"));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_EQ((*tokenizer)->vocab_size(), 120);
}

TEST_F(SentencePieceTest, BadOptionsAndTextsAreErrors) {
  EXPECT_THAT(
      std::string(TrainSentencePiece(std::vector<std::string>{}, options_, Path("a")).message()),
      HasSubstr("no sentence"));
  options_.normalization = "lower";
  EXPECT_THAT(std::string(TrainSentencePiece(Sentences(), options_, Path("a")).message()),
              HasSubstr("'lower'"));
  options_.normalization = "nfkc";
  options_.control_symbols = {"<a>,<b>"};
  EXPECT_FALSE(TrainSentencePiece(Sentences(), options_, Path("a")).ok());
  options_.control_symbols = {"<a>", "<a>"};
  EXPECT_FALSE(TrainSentencePiece(Sentences(), options_, Path("a")).ok());
  options_.control_symbols.clear();
  options_.vocab_size = 3;
  EXPECT_FALSE(TrainSentencePiece(Sentences(), options_, Path("a")).ok());
  options_.vocab_size = 120;
  EXPECT_FALSE(TrainSentencePiece(Sentences(), options_, Path("no/such/folder/a")).ok());
  EXPECT_FALSE(std::filesystem::exists(Path("a")));
}

TEST_F(SentencePieceTest, DamagedModelsAreErrors) {
  ASSERT_TRUE(TrainSentencePiece(Sentences(), options_, Path("a.model")).ok());
  const std::string model = ReadAll(Path("a.model"));
  const std::string cut = model.substr(0, model.size() / 2);
  for (const std::string& bytes : {std::string(), std::string("not a model"), cut}) {
    std::ofstream(Path("b.model"), std::ios::binary) << bytes;
    EXPECT_FALSE(Tokenizer::Load(Path("b.model")).ok()) << bytes.size();
  }
}

}  // namespace
}  // namespace strata::models

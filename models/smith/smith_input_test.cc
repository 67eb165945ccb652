#include "models/smith/smith_input.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/document/document_reader.h"
#include "nlohmann/json.hpp"

namespace strata::models {
namespace {

using ::testing::ElementsAre;

// Words are the sentence's number · 100 + their place, each over one byte of the text.
std::vector<SmithSentence> Sentences(const std::vector<int>& lengths) {
  std::vector<SmithSentence> sentences;
  int64_t byte = 0;
  for (size_t s = 0; s < lengths.size(); ++s) {
    SmithSentence& sentence = sentences.emplace_back();
    sentence.node = static_cast<int32_t>(10 + s);
    for (int w = 0; w < lengths[s]; ++w, ++byte) {
      sentence.token_ids.push_back(static_cast<int32_t>(100 * (s + 1) + w));
      sentence.spans.push_back({byte, byte + 1});
    }
  }
  return sentences;
}

// Each block's words.
std::vector<std::vector<int32_t>> WordsOfBlocks(const AnchoredSequence& sequence) {
  std::vector<std::vector<int32_t>> blocks;
  for (int64_t t = 0; t < sequence.num_tokens(); ++t) {
    if (sequence.roles[t] == TokenRole::kSentenceAnchor) blocks.emplace_back();
    if (sequence.roles[t] == TokenRole::kWord) blocks.back().push_back(sequence.token_ids[t]);
  }
  return blocks;
}

class SmithInputTest : public ::testing::Test {
 protected:
  SmithInputTest() {
    config_.max_sent_length_by_word = 8;  // five words
    config_.max_doc_length_by_sentence = config_.loop_sent_number_per_doc = 10;
  }
  SmithInput Fill(const std::vector<int>& lengths, int64_t max_tokens = 0) const {
    return FillSmithBlocks(Sentences(lengths), config_, {1, 2}, max_tokens);
  }

  SmithConfig config_;
};

TEST_F(SmithInputTest, ABlockTakesWholeSentencesWhileTheyFit) {
  const SmithInput input = Fill({2, 3, 1, 0, 4, 5});
  EXPECT_EQ(input.num_blocks, 3);
  EXPECT_THAT(WordsOfBlocks(input.sequence), ElementsAre(ElementsAre(100, 101, 200, 201, 202),
                                                         ElementsAre(300, 500, 501, 502, 503),
                                                         ElementsAre(600, 601, 602, 603, 604)));
  EXPECT_EQ(input.sequence.num_words_seen, 15);
  EXPECT_EQ(input.sequence.num_words_kept, 15);
}

TEST_F(SmithInputTest, ALongSentenceIsCutAndItsRestIsLostUnlessItContinues) {
  SmithInput input = Fill({2, 12, 1});
  EXPECT_THAT(
      WordsOfBlocks(input.sequence),
      ElementsAre(ElementsAre(100, 101), ElementsAre(200, 201, 202, 203, 204), ElementsAre(300)));
  EXPECT_EQ(input.sequence.num_words_seen, 15);
  EXPECT_EQ(input.sequence.num_words_kept, 8);

  config_.continue_long_sentences = true;
  input = Fill({2, 12, 1});
  EXPECT_THAT(WordsOfBlocks(input.sequence),
              ElementsAre(ElementsAre(100, 101), ElementsAre(200, 201, 202, 203, 204),
                          ElementsAre(205, 206, 207, 208, 209), ElementsAre(210, 211, 300)));
  EXPECT_EQ(input.sequence.num_words_kept, 15);
}

TEST_F(SmithInputTest, WithoutGreedyFillingEverySentenceIsABlock) {
  config_.greedy_sentence_filling = false;
  EXPECT_THAT(
      WordsOfBlocks(Fill({1, 2, 7}).sequence),
      ElementsAre(ElementsAre(100), ElementsAre(200, 201), ElementsAre(300, 301, 302, 303, 304)));
}

TEST_F(SmithInputTest, SurplusBlocksAreLeftOut) {
  config_.loop_sent_number_per_doc = 2;
  const SmithInput input = Fill({5, 5, 5});
  EXPECT_EQ(input.num_blocks, 3);
  EXPECT_EQ(WordsOfBlocks(input.sequence).size(), 2);
  EXPECT_EQ(input.sequence.num_words_seen, 15);
  EXPECT_EQ(input.sequence.num_words_kept, 10);
  EXPECT_EQ(Fill({5, 5}, 15).sequence.num_tokens(), 8);  // whole blocks only
  EXPECT_EQ(Fill({5, 5}, 16).sequence.num_tokens(), 16);
  EXPECT_EQ(Fill({0, 0}).sequence.num_tokens(), 0);
}

TEST_F(SmithInputTest, TokensKnowTheirPlaceBlockAndBytes) {
  const AnchoredSequence sequence = Fill({2, 1, 5}).sequence;
  EXPECT_THAT(sequence.token_ids,
              ElementsAre(1, 100, 101, 200, 2, 2, 1, 300, 301, 302, 303, 304, 2, 2));
  EXPECT_THAT(sequence.parents, ElementsAre(-1, 0, 0, 0, 0, 0, -1, 6, 6, 6, 6, 6, 6, 6));
  EXPECT_EQ(sequence.positions[5], (std::array<int32_t, 3>{5, 0, 0}));
  EXPECT_EQ(sequence.positions[6], (std::array<int32_t, 3>{0, 1, 0}));
  EXPECT_EQ(sequence.positions[13], (std::array<int32_t, 3>{7, 1, 0}));
  EXPECT_EQ(sequence.spans[0].begin, 0);  // the block's own bytes
  EXPECT_EQ(sequence.spans[0].end, 3);
  EXPECT_EQ(sequence.spans[6].begin, 3);
  EXPECT_EQ(sequence.spans[6].end, 8);
  EXPECT_EQ(sequence.nodes[0], 10);
  EXPECT_EQ(sequence.nodes[3], 11);
}

}  // namespace
}  // namespace strata::models

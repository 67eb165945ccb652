#include "models/hat/hat_input.h"

#include <ATen/Parallel.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/document/document_reader.h"
#include "models/hat/hat_evidence.h"
#include "models/hat/hat_heads.h"
#include "models/tokenizer/tokenizer_json.h"

namespace strata::models {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Position = std::array<int32_t, 3>;

constexpr int32_t kPad = 0, kCls = 2;

// Ids by line: [PAD] 0, [UNK] 1, [CLS] 2, a 3, b 4, … i 11, "?" 12.
std::unique_ptr<Tokenizer> Letters() {
  auto tokenizer = MakeTokenizerFromVocabulary(
      "[PAD]\n[UNK]\n[CLS]\na\nb\nc\nd\ne\nf\ng\nh\ni\n?\n", "", "", "vocab.txt");
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return *std::move(tokenizer);
}

DocumentTree Tree(const std::string& markdown) {
  auto tree = ReadDocument(markdown, DocumentFormat::kMarkdown, {});
  EXPECT_TRUE(tree.ok()) << tree.status();
  return *std::move(tree);
}

HatConfig Config(int32_t k, int32_t max_sentences) {
  HatConfig config;
  config.vocab_size = 13;
  config.hidden_size = 8;
  config.num_attention_heads = 2;
  config.intermediate_size = 6;
  config.max_sentence_length = k;
  config.max_sentences = max_sentences;
  config.pad_token_id = kPad;
  config.num_hidden_layers = 2;
  config.encoder_layout = {{true, false}, {true, true}};
  config.labels = {"x", "y", "z"};
  return config;
}

constexpr char kText[] = "# a\n\nB? C d e f?\n\n# g\n\nH i?\n";

TEST(AnchorSegments, GroupsSentencesUnderTheClsToken) {
  const auto tokenizer = Letters();
  const DocumentTree tree = Tree(kText);
  auto row = AnchorSegments(Config(6, 8), kCls, tree, *tokenizer, 0);
  ASSERT_TRUE(row.ok()) << row.status();
  // Leaves: "a", "B?", "C d e f?", "g", "H i?": 1, 2, 5, 1, 3 tokens; room for 5.
  EXPECT_THAT(row->token_ids, ElementsAre(2, 3, 4, 12, 2, 5, 6, 7, 8, 12, 2, 9, 10, 11, 12));
  EXPECT_THAT(row->parents, ElementsAre(-1, 0, 0, 0, -1, 4, 4, 4, 4, 4, -1, 10, 10, 10, 10));
  EXPECT_EQ(row->positions[0], (Position{1, 1, 0}));
  EXPECT_EQ(row->positions[2], (Position{3, 1, 0}));
  EXPECT_EQ(row->positions[11], (Position{2, 3, 0}));
  EXPECT_EQ(row->roles[4], TokenRole::kSentenceAnchor);
  EXPECT_EQ(row->roles[5], TokenRole::kWord);
  EXPECT_EQ(row->num_words_seen, 12);
  EXPECT_EQ(row->num_words_kept, 12);
  // The first segment holds a heading and a sentence of one section; the second one sentence.
  EXPECT_EQ(tree.nodes()[static_cast<size_t>(row->nodes[0])].kind, NodeKind::kSection);
  EXPECT_EQ(tree.nodes()[static_cast<size_t>(row->nodes[4])].kind, NodeKind::kSentence);
  EXPECT_EQ(tree.text().substr(static_cast<size_t>(row->spans[4].begin),
                               static_cast<size_t>(row->spans[4].size())),
            "C d e f?");
}

TEST(AnchorSegments, OverlapRepeatsTokensAndCountsThemOnce) {
  const auto tokenizer = Letters();
  HatConfig config = Config(5, 8);
  config.segmentation = HatSegmentation::kUniform;
  config.segment_overlap = 1;
  auto row = AnchorSegments(config, kCls, Tree("a b c d e f g h i"), *tokenizer, 0);
  ASSERT_TRUE(row.ok()) << row.status();
  EXPECT_THAT(row->token_ids, ElementsAre(2, 3, 4, 5, 6, 2, 6, 7, 8, 9, 2, 9, 10, 11));
  EXPECT_EQ(row->num_words_seen, 9);
  EXPECT_EQ(row->num_words_kept, 9);
}

TEST(AnchorSegments, NothingIsCutUnlessAllowed) {
  const auto tokenizer = Letters();
  HatConfig config = Config(3, 4);
  const DocumentTree tree = Tree("a b c d e f g h i");
  auto refused = AnchorSegments(config, kCls, tree, *tokenizer, 0);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("5 segments"));
  auto cut = AnchorSegments(config, kCls, tree, *tokenizer, 1000);
  ASSERT_TRUE(cut.ok()) << cut.status();
  EXPECT_EQ(cut->num_words_kept, 8);
  EXPECT_EQ(cut->num_words_seen, 9);
  EXPECT_EQ(AnchorSegments(config, kCls, tree, *tokenizer, 5)->num_tokens(), 5);
  // Without positions of segments there is no limit.
  config.adds_cross_positions = false;
  EXPECT_EQ(AnchorSegments(config, kCls, tree, *tokenizer, 0)->num_words_kept, 9);
}

TEST(AnchorSegments, ADocumentWithoutTextIsOneFirstToken) {
  const auto tokenizer = Letters();
  auto row = AnchorSegments(Config(6, 8), kCls, Tree(""), *tokenizer, 0);
  ASSERT_TRUE(row.ok()) << row.status();
  EXPECT_THAT(row->token_ids, ElementsAre(kCls));
  EXPECT_EQ(row->num_words_seen, 0);
}

Hat RandomModel(const HatConfig& config) {
  at::manual_seed(11);
  HatHeads heads;
  heads.pooler = heads.attentive = true;
  heads.num_classes = config.num_labels();
  Hat model(config, heads, AllocateHatWeights(config, heads));
  for (const WeightEntry& entry : model.Table()) RowsOf(entry).normal_(0, 0.4);
  return model;
}

// What the engine makes of a text, with padding counted in, is what the reference makes of the
// padded row.
TEST(UnpackHatDocuments, CountsPaddingInAsTheReferencePads) {
  at::set_num_threads(1);
  const auto tokenizer = Letters();
  for (const bool attends : {false, true}) {
    HatConfig config = Config(6, 5);
    config.pads_segments = true;
    config.attends_padding = attends;
    auto row = AnchorSegments(config, kCls, Tree(kText), *tokenizer, 0);
    ASSERT_TRUE(row.ok()) << row.status();
    auto packed = Pack({&*row, &*row});
    ASSERT_TRUE(packed.ok()) << packed.status();
    const UnpackedHat unpacked = UnpackHatDocuments(config, *packed);
    auto batch = BatchHatDocuments(unpacked.documents);
    ASSERT_TRUE(batch.ok()) << batch.status();
    // Three segments of 4, 6 and 5 tokens, padded to 5 of 6.
    const std::vector<int32_t> ids = {2,  3,  4, 12, 0, 0, 2, 5, 6, 7, 8, 12, 2, 9, 10,
                                      11, 12, 0, 0,  0, 0, 0, 0, 0, 0, 0, 0,  0, 0, 0};
    std::vector<int32_t> mask;
    for (size_t t = 0; t < ids.size(); ++t) mask.push_back(t < 18 && (attends || ids[t] != 0));
    auto document = DocumentOfPaddedRow(config, {ids, mask, {}, {}}, false);
    ASSERT_TRUE(document.ok()) << document.status();
    auto padded = BatchHatDocuments({*document, *document});
    ASSERT_TRUE(padded.ok()) << padded.status();
    const Hat model = RandomModel(config);
    auto ours = model.Forward(*batch), theirs = model.Forward(*padded);
    ASSERT_TRUE(ours.ok() && theirs.ok());
    for (const HatPooling pooling : {HatPooling::kMax, HatPooling::kAttentive}) {
      const at::Tensor difference =
          HatPool(model, *ours, *batch, pooling) - HatPool(model, *theirs, *padded, pooling);
      EXPECT_LT(difference.abs().max().item<double>(), 1e-5);
    }
    if (attends) {
      EXPECT_EQ(unpacked.rows.size(), static_cast<size_t>(packed->num_tokens()));
      EXPECT_EQ(unpacked.rows[4], 6);  // behind two rows of padding
    }
  }
}

TEST(HatSegmentEvidence, IsWhatTheLogitsLose) {
  at::set_num_threads(1);
  const auto tokenizer = Letters();
  const HatConfig config = Config(4, 8);
  const Hat model = RandomModel(config);
  auto row = AnchorSegments(config, kCls, Tree(kText), *tokenizer, 0);
  ASSERT_TRUE(row.ok());
  auto packed = Pack({&*row});
  auto batch = BatchHatDocuments(UnpackHatDocuments(config, *packed).documents);
  ASSERT_TRUE(batch.ok());
  auto states = model.Forward(*batch);
  ASSERT_TRUE(states.ok());
  const at::Tensor firsts = HatFirstTokens(*states, *batch);
  const int64_t n = firsts.size(0);
  ASSERT_GT(n, 2);
  const auto logits_of = [&](const at::Tensor& pooled) {
    return HatClassifier(model, HatPooler(model, pooled.unsqueeze(0)))[0];
  };
  const at::Tensor shares = HatAttentiveWeights(model, *states, *batch);
  for (const HatPooling pooling : {HatPooling::kMax, HatPooling::kAttentive, HatPooling::kFirst}) {
    const HatEvidence evidence = HatSegmentEvidence(model, *states, *batch, pooling);
    EXPECT_NEAR(evidence.weights.sum().item<double>(), 1, 1e-5);
    const at::Tensor whole = logits_of(HatPool(model, *states, *batch, pooling)[0]);
    for (int64_t j = 0; j < n; ++j) {
      std::vector<int64_t> others;
      for (int64_t i = 0; i < n; ++i) {
        if (i != j) others.push_back(i);
      }
      const at::Tensor rest = at::tensor(others, at::kLong);
      const at::Tensor x = firsts.index_select(0, rest);
      at::Tensor pooled = j == 0 ? at::zeros_like(firsts[0]) : firsts[0];  // first
      if (pooling == HatPooling::kMax) pooled = x.amax(0);
      if (pooling == HatPooling::kAttentive) {
        const at::Tensor share = shares.index_select(0, rest);
        pooled = at::matmul(share / share.sum(), x);
      }
      const at::Tensor expected = whole - logits_of(pooled);
      EXPECT_LT((evidence.effects[j] - expected).abs().max().item<double>(), 1e-4);
    }
  }
}

}  // namespace
}  // namespace strata::models

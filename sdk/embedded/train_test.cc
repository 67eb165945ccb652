#include "strata/train.h"

#include <gtest/gtest.h>

#include "models/train/train.h"

namespace strata {
namespace {

// The SDK spells the defaults out a second time: they must be the same.
TEST(TrainOptionsTest, DefaultsAreThoseOfTheTrainer) {
  const TrainArchitecture a;
  const models::TrainArchitecture b;
  EXPECT_EQ(a.vocab_size, b.vocab_size);
  EXPECT_EQ(a.d_model, b.d_model);
  EXPECT_EQ(a.d_kv, b.d_kv);
  EXPECT_EQ(a.d_ff, b.d_ff);
  EXPECT_EQ(a.num_layers, b.num_layers);
  EXPECT_EQ(a.num_heads, b.num_heads);
  EXPECT_EQ(a.feed_forward_proj, b.feed_forward_proj);
  const TrainMediaArchitecture e;
  const models::TrainMediaArchitecture f;
  EXPECT_EQ(e.network, f.network);
  EXPECT_EQ(e.size, f.size);
  EXPECT_EQ(e.patch, f.patch);
  EXPECT_EQ(e.patch_overlap, f.patch_overlap);
  EXPECT_EQ(e.window, f.window);
  EXPECT_EQ(e.dim, f.dim);
  EXPECT_EQ(e.depths, f.depths);
  EXPECT_EQ(e.heads, f.heads);
  EXPECT_EQ(e.sample_rate, f.sample_rate);
  EXPECT_EQ(e.fft_size, f.fft_size);
  EXPECT_EQ(e.hop, f.hop);
  EXPECT_EQ(e.mel_bins, f.mel_bins);
  const TrainRecipe c;
  const models::TrainRecipe d;
  EXPECT_EQ(c.epochs, d.epochs);
  EXPECT_EQ(c.batch_documents, d.batch_documents);
  EXPECT_EQ(c.learning_rate, d.learning_rate);
  EXPECT_EQ(c.warmup_share, d.warmup_share);
  EXPECT_EQ(c.weight_decay, d.weight_decay);
  EXPECT_EQ(c.beta1, d.beta1);
  EXPECT_EQ(c.beta2, d.beta2);
  EXPECT_EQ(c.max_gradient_norm, d.max_gradient_norm);
  EXPECT_EQ(c.label_smoothing, d.label_smoothing);
  EXPECT_EQ(c.sentence_loss, d.sentence_loss);
  EXPECT_EQ(c.class_balance, d.class_balance);
  EXPECT_EQ(c.dropout, d.dropout);
  EXPECT_EQ(c.head_dropout, d.head_dropout);
  EXPECT_EQ(c.sentence_share, d.sentence_share);
  EXPECT_EQ(c.token_dropout, d.token_dropout);
  EXPECT_EQ(c.embedding_std, d.embedding_std);
  EXPECT_EQ(c.augment, d.augment);
  EXPECT_EQ(c.mirror, d.mirror);
  EXPECT_EQ(c.mixup, d.mixup);
  EXPECT_EQ(c.patience, d.patience);
  EXPECT_EQ(c.seed, d.seed);
  EXPECT_EQ(TrainOptions().held_out_share, models::TrainOptions().held_out_share);
}

TEST(TrainTest, AMissingFileIsNamed) {
  TrainOptions options;
  options.train_path = "/no/such/train.jsonl";
  options.output_folder = testing::TempDir() + "/sdk_train_test";
  const auto report = TrainClassifier(options, nullptr, nullptr, nullptr);
  ASSERT_FALSE(report.ok());
  EXPECT_NE(report.status().message().find("/no/such/train.jsonl"), absl::string_view::npos)
      << report.status();
}

}  // namespace
}  // namespace strata

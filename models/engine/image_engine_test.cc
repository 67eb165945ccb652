// A small image model in a folder, as the engine loads and runs it.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "models/engine/engine.h"
#include "models/engine/match.h"
#include "models/engine/testing/small_models.h"
#include "models/media/image_test_files.h"

namespace strata::models {
namespace {

namespace fs = std::filesystem;

class ImageEngineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() /
              ("strata_image_engine_" + std::to_string(reinterpret_cast<uintptr_t>(this)));
    const absl::Status written = testing::WriteSmallSwin(folder_);
    ASSERT_TRUE(written.ok()) << written;
  }
  void TearDown() override { fs::remove_all(folder_); }

  void Write(const char* name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  std::shared_ptr<const Engine> Load() {
    auto engine = Engine::Load(folder_.string());
    EXPECT_TRUE(engine.ok()) << engine.status();
    return engine.ok() ? *engine : nullptr;
  }

  fs::path folder_;
};

TEST_F(ImageEngineTest, ClassifiesAndEmbedsEncodedImages) {
  const auto engine = Load();
  ASSERT_NE(engine, nullptr);
  EXPECT_EQ(engine->info().input, InputKind::kImage);
  EXPECT_EQ(engine->info().labels, (std::vector<std::string>{"cat", "dog", "owl"}));
  EXPECT_EQ(engine->info().hidden_size, 16);

  std::vector<PreparedDocument> images;
  for (const std::string& file :
       {PngFile(ToSamples(TestImage(40, 30))), JpegFile(ToSamples(TestImage(64, 64))),
        WebpFile(TestImage(33, 90))}) {
    auto prepared = engine->PrepareImage(file, {});
    ASSERT_TRUE(prepared.ok()) << prepared.status();
    EXPECT_EQ(prepared->num_tokens(), 4);  // 32 x 32 pixels
    images.push_back(*std::move(prepared));
  }
  std::vector<WorkItem> batch;
  for (const PreparedDocument& image : images) batch.push_back({&image, {}});
  batch[2].request.task = Task::kEmbed;
  batch[2].request.levels = {EmbeddingLevel::kDocument};
  batch[2].request.normalize = true;
  const auto together = engine->Run(batch, nullptr);
  ASSERT_TRUE(together.ok()) << together.status();
  for (size_t i = 0; i < 2; ++i) {
    const TaskResult& result = (*together)[i];
    ASSERT_TRUE(result.status.ok()) << result.status;
    ASSERT_EQ(result.labels.size(), 3u);
    EXPECT_GE(result.labels[0].logit, result.labels[1].logit);
    const auto alone = engine->Run({&batch[i], 1}, nullptr);
    ASSERT_TRUE(alone.ok());
    EXPECT_EQ(alone->front().labels[0].label, result.labels[0].label);
    EXPECT_NEAR(alone->front().labels[0].logit, result.labels[0].logit, 1e-4);
  }
  const TaskResult& embedded = (*together)[2];
  ASSERT_EQ(embedded.embeddings.size(), 1u);
  ASSERT_EQ(embedded.embeddings[0].values.size(), 16u);
  double length = 0;
  for (float value : embedded.embeddings[0].values) length += value * value;
  EXPECT_NEAR(length, 1, 1e-5);
}

TEST_F(ImageEngineTest, ImagesAreMatchedByTheirVectors) {
  const auto engine = Load();
  ASSERT_NE(engine, nullptr);
  const auto first = engine->PrepareImage(PngFile(ToSamples(TestImage(8, 8))), {});
  const auto second = engine->PrepareImage(PngFile(ToSamples(TestImage(12, 9))), {});
  ASSERT_TRUE(first.ok() && second.ok());
  const WorkItem batch[] = {{&*first, {.task = Task::kMatch}}, {&*second, {.task = Task::kMatch}}};
  const auto results = engine->Run(batch, nullptr);
  ASSERT_TRUE(results.ok());
  const MatchScore same = ScoreMatch(engine->info(), (*results)[0], (*results)[0]);
  const MatchScore other = ScoreMatch(engine->info(), (*results)[0], (*results)[1]);
  EXPECT_NEAR(same.score, 1, 1e-5);
  EXPECT_LT(other.score, same.score);
  EXPECT_FALSE(same.probability.has_value());
}

TEST_F(ImageEngineTest, BadInputIsAStatusOfItsOwn) {
  const auto engine = Load();
  ASSERT_NE(engine, nullptr);
  EXPECT_EQ(engine->PrepareImage("no image", {.name = "a.png"}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(engine->Prepare({}, {}).status().code(), absl::StatusCode::kInvalidArgument);
  const auto image = engine->PrepareImage(PngFile(ToSamples(TestImage(8, 8))), {});
  ASSERT_TRUE(image.ok());
  WorkItem sections{&*image, {.task = Task::kEmbed, .levels = {EmbeddingLevel::kSection}}};
  WorkItem whole{&*image, {}};
  WorkItem summary{&*image, {.task = Task::kSummarize}};
  const WorkItem batch[] = {sections, whole, summary};
  const auto results = engine->Run(batch, nullptr);
  ASSERT_TRUE(results.ok());
  EXPECT_EQ((*results)[0].status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE((*results)[1].status.ok());
  EXPECT_EQ((*results)[2].status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(engine->Run({&whole, 1}, [] { return true; }).status().code(),
            absl::StatusCode::kCancelled);
}

TEST_F(ImageEngineTest, AConfigurationThatIsNotTheCheckpointsIsRefused) {
  Write("config.json", R"({"model_type": "swin", "image_size": 32, "embed_dim": 8,
    "depths": [2, 1], "num_heads": [1, 2], "window_size": 4, "id2label": {"0": "cat", "1": "dog"}})");
  EXPECT_EQ(Engine::Load(folder_.string()).status().message(),
            folder_.string() + "/config.json: names 2 labels, the checkpoint's classifier has 3");
  Write("config.json", R"({"model_type": "swin", "image_size": 32, "embed_dim": 16384,
    "depths": [200, 200], "num_heads": [1, 2], "window_size": 4})");
  EXPECT_EQ(Engine::Load(folder_.string()).status().message(),
            folder_.string() +
                ": weight 'swin.embeddings.patch_embeddings.projection.weight' has shape "
                "[8, 3, 4, 4], the configuration asks for [16384, 3, 4, 4]");
}

}  // namespace
}  // namespace strata::models

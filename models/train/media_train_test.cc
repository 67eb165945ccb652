// Images and sounds that a test made, trained on and served.
#include <sndfile.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/engine/engine.h"
#include "models/eval/labelled_files.h"
#include "models/media/audio_test_files.h"
#include "models/media/image_test_files.h"
#include "models/train/train.h"

namespace strata::models {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

// Stripes of random colours, lying or standing.
std::string Stripes(bool standing, std::mt19937_64& random) {
  RgbImage image = RgbImage::OfSize(40, 36);
  const auto shade = [&] { return static_cast<uint8_t>(random() % 120); };
  const uint8_t dark[3] = {shade(), shade(), shade()};
  const auto offset = static_cast<int32_t>(random() % 8);
  for (int32_t y = 0; y < image.height; ++y) {
    for (int32_t x = 0; x < image.width; ++x) {
      const bool light = ((standing ? x : y) + offset) / 4 % 2 == 0;
      for (int c = 0; c < 3; ++c) {
        image.row(y)[3 * x + c] = static_cast<uint8_t>(dark[c] + (light ? 120 : 0));
      }
    }
  }
  return PngFile(ToSamples(image));
}

// A high or a low tone, of some length, with noise.
std::string Beep(bool high, std::mt19937_64& random) {
  const auto some = [&] { return static_cast<double>(random() % 1000) / 1000; };
  const double hertz = (high ? 1800 : 300) * (1 + 0.3 * some());
  std::vector<float> samples = Tone(hertz, 1600 + static_cast<int64_t>(2400 * some()), 1, 8000);
  for (float& sample : samples) sample += static_cast<float>(0.05 * (some() - 0.5));
  return WriteAudio(samples, 1, 8000, SF_FORMAT_WAV | SF_FORMAT_PCM_16);
}

class MediaTrainTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) / ("media_train_" + std::to_string(::getpid()));
    fs::create_directories(folder_ / "files");
    options_.output_folder = (folder_ / "model").string();
    options_.media = {.size = 16,
                      .window = 2,
                      .dim = 8,
                      .depths = {1, 1},
                      .heads = {1, 2},
                      .sample_rate = 8000,
                      .fft_size = 256,
                      .hop = 80,
                      .mel_bins = 8};
    options_.recipe.batch_documents = 8;
    options_.recipe.learning_rate = 5e-3;
    options_.recipe.augment = 0.3;
    options_.compute_threads = 1;
  }
  void TearDown() override { fs::remove_all(folder_); }

  template <typename Make>
  std::string Write(const char* name, int count, uint64_t seed, const char* yes, const char* no,
                    Make make) {
    std::mt19937_64 random(seed);
    std::ofstream csv(folder_ / name);
    csv << "note,label,path\n";
    for (int i = 0; i < count; ++i) {
      const std::string path = std::string("files/") + name + std::to_string(i);
      std::ofstream(folder_ / path, std::ios::binary) << make(i % 2 == 0, random);
      csv << "\"a, \"\"b\"\"\"," << (i % 2 == 0 ? yes : no) << "," << path << "\n";
    }
    return (folder_ / name).string();
  }
  void UseImages() {
    options_.task = TrainTask::kImages;
    options_.train_path = Write("train.csv", 48, 1, "standing", "lying", Stripes);
    options_.held_out_path = Write("dev.csv", 16, 2, "standing", "lying", Stripes);
  }
  static std::string Bytes(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(stream), {});
  }

  fs::path folder_;
  TrainOptions options_;
};

class ImageTrainTest : public MediaTrainTest, public ::testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Networks, ImageTrainTest, ::testing::Values("maxvit", "swin"));

TEST_P(ImageTrainTest, AnImageClassifierLearnsAndIsServed) {
  UseImages();
  options_.media.network = GetParam();
  options_.recipe.epochs = 10;
  const auto report = TrainClassifier(options_, nullptr, nullptr, nullptr);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_LT(report->epochs[1].train_loss, report->epochs[0].train_loss);
  EXPECT_GE(report->best.accuracy, 0.9);
  EXPECT_EQ(report->num_train_documents, 48);
  const auto engine = Engine::Load(options_.output_folder);
  ASSERT_TRUE(engine.ok()) << engine.status();
  EXPECT_EQ((*engine)->info().labels, (std::vector<std::string>{"lying", "standing"}));
  int right = 0;
  const auto files = ReadLabelledFiles(options_.held_out_path);
  ASSERT_TRUE(files.ok());
  for (const LabelledFile& file : *files) {
    const auto image = (*engine)->PrepareImage(Bytes(file.path), {});
    ASSERT_TRUE(image.ok()) << image.status();
    const WorkItem item{&*image, {}};
    const auto results = (*engine)->Run({&item, 1}, nullptr);
    ASSERT_TRUE(results.ok()) << results.status();
    right += results->front().labels[0].label == file.label;
  }
  // The weights that are written are rounded to bfloat16.
  EXPECT_NEAR(right / 16.0, report->best.accuracy, 0.1);
}

TEST_F(MediaTrainTest, ASoundClassifierLearnsAndIsServed) {
  options_.task = TrainTask::kSounds;
  options_.train_path = Write("train.csv", 48, 3, "high", "low", Beep);
  options_.held_out_path = Write("dev.csv", 16, 4, "high", "low", Beep);
  options_.recipe.epochs = 8;
  const auto report = TrainClassifier(options_, nullptr, nullptr, nullptr);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_GE(report->best.accuracy, 0.9);
  const auto engine = Engine::Load(options_.output_folder);
  ASSERT_TRUE(engine.ok()) << engine.status();
  const auto files = ReadLabelledFiles(options_.held_out_path);
  ASSERT_TRUE(files.ok());
  int right = 0;
  for (const LabelledFile& file : *files) {
    auto session = (*engine)->OpenSound(Bytes(file.path), nullptr, {}, {});
    ASSERT_TRUE(session.ok()) << session.status();
    while (true) {
      const auto pass = (*session)->Next();
      ASSERT_TRUE(pass.ok() && pass->has_value()) << pass.status();
      const WorkItem item{&**pass, {}};
      const auto results = (*engine)->Run({&item, 1}, nullptr);
      ASSERT_TRUE(results.ok()) << results.status();
      ASSERT_TRUE((*session)->Take(*(*pass)->sound, results->front()).ok());
      if ((*session)->last()) break;
    }
    right += (*session)->Finish().labels[0].label == file.label;
  }
  EXPECT_NEAR(right / 16.0, report->best.accuracy, 0.1);
}

TEST_P(ImageTrainTest, ARunThatWasCutOffEndsAsIfItHadNotBeen) {
  UseImages();
  options_.media.network = GetParam();
  options_.recipe.epochs = 3;
  ASSERT_TRUE(TrainClassifier(options_, nullptr, nullptr, nullptr).ok());
  const std::string whole = Bytes(folder_ / "model" / "model.safetensors");
  options_.output_folder = (folder_ / "cut").string();
  bool stop = false;
  const auto cut = TrainClassifier(
      options_, nullptr, [&](const EpochReport& epoch) { stop = epoch.epoch == 2; },
      [&] { return stop; });
  EXPECT_EQ(cut.status().code(), absl::StatusCode::kCancelled);
  options_.resume = true;
  options_.media.dim = 16;
  EXPECT_THAT(TrainClassifier(options_, nullptr, nullptr, nullptr).status().ToString(),
              HasSubstr("dim was 8, is 16"));
  options_.media.dim = 8;
  ASSERT_TRUE(TrainClassifier(options_, nullptr, nullptr, nullptr).ok());
  EXPECT_EQ(Bytes(folder_ / "cut" / "model.safetensors"), whole);
}

TEST_F(MediaTrainTest, WhatIsWrongIsNamed) {
  UseImages();
  const auto message = [&] {
    const auto report = TrainClassifier(options_, nullptr, nullptr, nullptr);
    EXPECT_FALSE(fs::exists(options_.output_folder));
    return report.status().ToString();
  };
  std::ofstream(folder_ / "files/train.csv7", std::ios::binary) << "no image";
  EXPECT_THAT(message(), HasSubstr("files/train.csv7: not a JPEG, PNG"));
  fs::remove(folder_ / "files/train.csv7");
  EXPECT_THAT(message(), HasSubstr("files/train.csv7"));
  std::ofstream(folder_ / "bad.csv") << "path,label\nx.png\n";
  options_.train_path = (folder_ / "bad.csv").string();
  EXPECT_THAT(message(), HasSubstr("bad.csv, line 2: no path, or no label"));
  std::ofstream(folder_ / "bad.csv") << "file,class\nx.png,a\n";
  EXPECT_THAT(message(), HasSubstr("columns path and label"));
  std::ofstream(folder_ / "bad.csv") << "path,label\nx.png,a\ny.png,a\n";
  EXPECT_THAT(message(), HasSubstr("has 1 label(s); a classifier needs at least 2"));
  options_.train_path = options_.held_out_path;
  std::ofstream(folder_ / "bad.csv") << "path,label\nfiles/dev.csv0,lying\nfiles/dev.csv1,odd\n";
  options_.held_out_path = (folder_ / "bad.csv").string();
  EXPECT_THAT(message(), HasSubstr("held-out label 'odd' does not occur in the training files"));
  options_.held_out_path = options_.train_path;
  options_.media.heads = {5, 10};
  EXPECT_THAT(message(), HasSubstr("5 heads do not divide 8 channels"));
  options_.media.heads = {2, 2};
  EXPECT_THAT(message(), HasSubstr("heads must double from stage to stage"));
  options_.media.heads = {1, 2};
  options_.media.network = "resnet";
  EXPECT_THAT(message(), HasSubstr("network 'resnet' is none of maxvit, swin"));
  options_.media.network = "swin";
  options_.media.heads = {1, 3};
  EXPECT_THAT(message(), HasSubstr("heads"));
  options_.media.heads = {1, 2};
  options_.recipe.augment = -1;
  EXPECT_THAT(message(), HasSubstr("augment must be in [0, 3]"));
  options_.recipe.augment = 1;
  options_.recipe.learning_rate = 1e30;
  options_.recipe.warmup_share = 0;
  EXPECT_THAT(message(), HasSubstr("the loss is not finite"));
}

TEST_F(MediaTrainTest, ASoundWithoutEndOrNumberIsNamed) {
  options_.task = TrainTask::kSounds;
  options_.train_path = Write("train.csv", 8, 3, "high", "low", Beep);
  options_.held_out_path = options_.train_path;
  std::vector<float> samples(4000, 0.1f);
  samples[7] = std::nanf("");
  std::ofstream(folder_ / "files/train.csv3", std::ios::binary)
      << WriteAudio(samples, 1, 8000, SF_FORMAT_WAV | SF_FORMAT_FLOAT);
  EXPECT_THAT(TrainClassifier(options_, nullptr, nullptr, nullptr).status().ToString(),
              HasSubstr("files/train.csv3"));
  std::ofstream(folder_ / "files/train.csv3", std::ios::binary)
      << WriteAudio({0.1f, 0.2f}, 1, 8000, SF_FORMAT_WAV | SF_FORMAT_PCM_16);
  EXPECT_THAT(TrainClassifier(options_, nullptr, nullptr, nullptr).status().ToString(),
              HasSubstr("is too short"));
}

}  // namespace
}  // namespace strata::models

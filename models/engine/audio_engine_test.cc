// Small audio models in folders, as the engine loads and runs them.
#include "models/engine/audio_engine.h"

#include <sndfile.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/engine/testing/small_models.h"
#include "models/media/audio_test_files.h"

namespace strata::models {
namespace {

using ::testing::HasSubstr;
using testing::SoundWithPauses;

std::string Wav(const std::vector<float>& samples, int32_t channels = 1, int32_t rate = 8000) {
  return WriteAudio(samples, channels, rate, SF_FORMAT_WAV | SF_FORMAT_FLOAT);
}

class AudioEngineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(::testing::TempDir()) /
              (std::string("audio_engine_") +
               ::testing::UnitTest::GetInstance()->current_test_info()->name());
    ASSERT_TRUE(testing::WriteSmallHtsat(folder_ / "htsat").ok());
    ASSERT_TRUE(testing::WriteSmallClap(folder_ / "clap").ok());
    htsat_ = Load("htsat");
    clap_ = Load("clap");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::shared_ptr<const Engine> Load(const char* name) {
    auto engine = Engine::Load((folder_ / name).string());
    EXPECT_TRUE(engine.ok()) << engine.status();
    return engine.ok() ? *engine : nullptr;
  }

  std::filesystem::path folder_;
  std::shared_ptr<const Engine> htsat_, clap_;
};

// Sounds side by side, a pass of each at a time, as the runtime does it. `told`: events that came
// before the answer.
std::vector<absl::StatusOr<TaskResult>> Hear(const Engine& engine,
                                             const std::vector<std::string>& files,
                                             const TaskRequest& request,
                                             std::vector<HeardEvent>* told = nullptr) {
  std::vector<absl::StatusOr<TaskResult>> results(files.size(), absl::UnknownError("not heard"));
  std::vector<std::unique_ptr<SoundSession>> sessions(files.size());
  for (size_t i = 0; i < files.size(); ++i) {
    auto session = engine.OpenSound(files[i], nullptr, {.limits = {}, .name = "talk.wav"}, request);
    if (session.ok()) {
      sessions[i] = *std::move(session);
    } else {
      results[i] = session.status();
    }
  }
  while (true) {
    std::vector<PreparedDocument> passes;
    std::vector<size_t> places;
    for (size_t i = 0; i < sessions.size(); ++i) {
      if (sessions[i] == nullptr) continue;
      auto pass = sessions[i]->Next();
      if (!pass.ok()) {
        results[i] = pass.status();
        sessions[i] = nullptr;
        continue;
      }
      passes.push_back(**std::move(pass));
      places.push_back(i);
    }
    if (places.empty()) return results;
    std::vector<WorkItem> batch;
    for (const PreparedDocument& pass : passes) batch.push_back({&pass, request});
    const auto answers = engine.Run(batch, nullptr);
    EXPECT_TRUE(answers.ok()) << answers.status();
    if (!answers.ok()) return results;
    for (size_t b = 0; b < places.size(); ++b) {
      std::unique_ptr<SoundSession>& session = sessions[places[b]];
      EXPECT_TRUE(session->Take(*passes[b].sound, (*answers)[b]).ok());
      if (told != nullptr) {
        for (HeardEvent& event : session->TakeEvents()) told->push_back(std::move(event));
      }
      if (!session->last()) continue;
      results[places[b]] = session->Finish();
      session = nullptr;
    }
  }
}

TEST_F(AudioEngineTest, AnswersAsTheModelListens) {
  EXPECT_EQ(htsat_->info().input, InputKind::kSound);
  EXPECT_EQ(htsat_->info().labels, (std::vector<std::string>{"dog", "rain", "bell"}));
  EXPECT_EQ(htsat_->info().hidden_size, 16);
  const std::string file = Wav(SoundWithPauses(7.77));
  const auto model = AudioModel::Load((folder_ / "htsat").string());
  ASSERT_TRUE(model.ok());
  std::vector<SoundEvent> events;
  const auto summary = (*model)->ListenToFile(
      file, {}, {}, [&](const SoundEvent& event) { events.push_back(event); });
  ASSERT_TRUE(summary.ok());

  TaskRequest request;
  request.events.emplace();
  std::vector<HeardEvent> told;
  const auto heard = Hear(*htsat_, {file}, request, &told)[0];
  ASSERT_TRUE(heard.ok()) << heard.status();
  EXPECT_DOUBLE_EQ(heard->tokens.seconds, 7.77);
  ASSERT_EQ(heard->labels.size(), 3U);
  for (const LabelScore& label : heard->labels) {
    const size_t k = label.label == "dog" ? 0 : label.label == "rain" ? 1 : 2;
    EXPECT_NEAR(label.probability, summary->scores[k], 1e-5);
    EXPECT_NEAR(label.logit, std::log(label.probability / (1 - label.probability)), 1e-3);
  }
  EXPECT_GE(heard->labels[0].probability, heard->labels[1].probability);
  EXPECT_FALSE(told.empty());
  told.insert(told.end(), heard->events.begin(), heard->events.end());
  ASSERT_EQ(told.size(), events.size());
  for (size_t i = 0; i < told.size(); ++i) {
    EXPECT_EQ(told[i].label, (*model)->info().labels[static_cast<size_t>(events[i].label)]);
    EXPECT_DOUBLE_EQ(told[i].begin_s, events[i].begin_s);
    EXPECT_DOUBLE_EQ(told[i].end_s, events[i].end_s);
  }

  TaskRequest embed;
  embed.task = Task::kEmbed;
  embed.levels = {EmbeddingLevel::kDocument};
  const auto vector = Hear(*htsat_, {file}, embed)[0];
  ASSERT_TRUE(vector.ok());
  EXPECT_EQ(vector->embeddings[0].values, summary->vector);
  embed.normalize = true;
  const auto unit = Hear(*htsat_, {file}, embed)[0];
  ASSERT_TRUE(unit.ok());
  double length = 0;
  for (const float value : unit->embeddings[0].values) length += double{value} * value;
  EXPECT_NEAR(length, 1, 1e-5);
}

TEST_F(AudioEngineTest, SoundsOfAnyLengthsShareAPass) {
  const std::vector<std::string> files = {
      Wav(SoundWithPauses(0.1)), Wav(SoundWithPauses(4.3)), Wav(SoundWithPauses(0.31)),
      Wav(SoundWithPauses(2), 1, 11025), Wav(Tone(440, 16000, 2, 16000), 2, 16000)};
  TaskRequest request;
  const auto together = Hear(*htsat_, files, request);
  TaskRequest embed;
  embed.task = Task::kEmbed;
  embed.levels = {EmbeddingLevel::kDocument};
  const auto vectors = Hear(*clap_, files, embed);
  for (size_t i = 0; i < files.size(); ++i) {
    ASSERT_TRUE(together[i].ok()) << together[i].status();
    const auto alone = Hear(*htsat_, {files[i]}, request)[0];
    ASSERT_TRUE(alone.ok());
    for (size_t k = 0; k < 3; ++k) {
      EXPECT_EQ(together[i]->labels[k].label, alone->labels[k].label);
      EXPECT_NEAR(together[i]->labels[k].logit, alone->labels[k].logit, 1e-4);
    }
    ASSERT_TRUE(vectors[i].ok()) << vectors[i].status();
    const auto vector = Hear(*clap_, {files[i]}, embed)[0];
    ASSERT_TRUE(vector.ok());
    ASSERT_EQ(vector->embeddings[0].values.size(), 12U);
    for (size_t j = 0; j < 12; ++j) {
      EXPECT_NEAR(vectors[i]->embeddings[0].values[j], vector->embeddings[0].values[j], 1e-4);
    }
  }
}

TEST_F(AudioEngineTest, BadSoundsHarmNobodyElse) {
  std::vector<float> nan = SoundWithPauses(1);
  nan[1234] = std::numeric_limits<float>::quiet_NaN();
  const std::string good = Wav(SoundWithPauses(2));
  std::string flipped = WriteAudio(SoundWithPauses(2), 1, 8000, SF_FORMAT_FLAC | SF_FORMAT_PCM_16);
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 0x10);
  const std::vector<std::string> files = {good,
                                          good.substr(0, good.size() - 100),
                                          flipped,
                                          WavOf(1, 1, 8000, 16, std::string(100, 'a'), 100'000'000),
                                          WavOf(1, 1, 8000, 16, "", 0),
                                          Wav(nan),
                                          "\xFF\xD8\xFF\xE0 a photograph",
                                          Wav(SoundWithPauses(0.01)),
                                          "",
                                          good};
  const char* const expected[] = {"",
                                  "talk.wav: WAV file whose header promises",
                                  "talk.wav: ",
                                  "talk.wav: WAV file whose header promises 100000000 bytes",
                                  "talk.wav: the file holds no samples",
                                  "talk.wav: frame 1234, channel 0 is",
                                  "talk.wav: the content is none of WAV, FLAC, Ogg and MP3",
                                  "is too short",
                                  "talk.wav: the file is empty",
                                  ""};
  const auto results = Hear(*htsat_, files, {});
  for (size_t i = 0; i < files.size(); ++i) {
    if (*expected[i] == '\0') {
      EXPECT_TRUE(results[i].ok()) << i << results[i].status();
    } else {
      EXPECT_EQ(results[i].status().code(), absl::StatusCode::kInvalidArgument) << i;
      EXPECT_THAT(std::string(results[i].status().message()), HasSubstr(expected[i])) << i;
    }
  }
  // Not bad at all, only unusual.
  const auto wide = Hear(*htsat_, {Wav(Tone(500, 192'000, 8, 192'000), 8, 192'000)}, {})[0];
  ASSERT_TRUE(wide.ok()) << wide.status();
  EXPECT_NEAR(wide->tokens.seconds, 1, 1e-3);
}

TEST_F(AudioEngineTest, WhatCannotBeAskedIsRefused) {
  TaskRequest request;
  EXPECT_THAT(clap_->Check(request).ToString(), HasSubstr("names no sounds"));
  request.events.emplace().events.threshold = 0;
  EXPECT_THAT(htsat_->Check(request).ToString(), HasSubstr("threshold of 0"));
  request.events.emplace().overlap_s = 0.2;
  EXPECT_THAT(htsat_->Check(request).ToString(), HasSubstr("share up to half"));
  request = {};
  request.task = Task::kEmbed;
  request.levels = {EmbeddingLevel::kDocument, EmbeddingLevel::kToken};
  EXPECT_THAT(htsat_->Check(request).ToString(), HasSubstr("a sound has one vector"));
  EXPECT_EQ(htsat_->PrepareImage("", {}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(htsat_->Prepare({}, {}).status().code(), absl::StatusCode::kInvalidArgument);
  const auto session = htsat_->OpenSound(Wav(SoundWithPauses(2)), nullptr, {}, {});
  ASSERT_TRUE(session.ok());
  const auto pass = (*session)->Next();
  ASSERT_TRUE(pass.ok());
  const WorkItem item{&**pass, {}};
  EXPECT_EQ(htsat_->Run({&item, 1}, [] { return true; }).status().code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace strata::models

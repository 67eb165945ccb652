// Images and sounds the whole way: files through the SDK, over the wire and in process, to small
// real models and back, in good company and in bad.
#include <sndfile.h>

#include <filesystem>
#include <limits>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/engine/testing/small_models.h"
#include "models/media/audio_test_files.h"
#include "models/media/image_test_files.h"
#include "sdk/embedded/engine_connection.h"
#include "services/grpc/server.h"
#include "services/runtime/runtime.h"
#include "strata/client.h"
#include "strata/error.h"

namespace strata {
namespace {

using models::testing::SoundWithPauses;
using ::testing::HasSubstr;

std::string Wav(const std::vector<float>& samples, int32_t channels = 1, int32_t rate = 8000) {
  return models::WriteAudio(samples, channels, rate, SF_FORMAT_WAV | SF_FORMAT_FLOAT);
}

std::string Png(int32_t width = 40, int32_t height = 30) {
  return models::PngFile(models::ToSamples(models::TestImage(width, height)));
}

// A PNG whose header says `side` x `side` pixels, honestly summed.
std::string Bomb(uint32_t side) {
  std::string bomb = Png(1, 1);
  const auto put = [&](size_t at, uint32_t value) {
    for (size_t i = 0; i < 4; ++i) bomb[at + i] = static_cast<char>(value >> (24 - 8 * i) & 0xFF);
  };
  put(16, side);
  put(20, side);
  uint32_t crc = 0xFFFFFFFF;
  for (size_t i = 12; i < 29; ++i) {
    crc ^= static_cast<uint8_t>(bomb[i]);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
  }
  put(29, ~crc);
  return bomb;
}

DocumentInput Named(std::string bytes, const char* name) {
  return DocumentInput::FromBytes(std::move(bytes)).set_id(name).set_file_name(name);
}

class MediaServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::path(::testing::TempDir()) /
        (std::string("media_") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
    ASSERT_TRUE(models::testing::WriteSmallSwin(folder_ / "swin").ok());
    ASSERT_TRUE(models::testing::WriteSmallHtsat(folder_ / "htsat").ok());
    ASSERT_TRUE(models::testing::WriteSmallClap(folder_ / "clap").ok());
    Start({});
  }
  void TearDown() override {
    server_.reset();
    runtime_.reset();
    embedded_.reset();
    std::filesystem::remove_all(folder_);
  }

  void Start(runtime::Limits limits) {
    server_.reset();
    runtime::RuntimeOptions options;
    options.prepare_threads = 2;
    options.limits = limits;
    for (const char* name : {"swin", "htsat", "clap"}) {
      options.models.emplace_back(name, (folder_ / name).string());
    }
    auto runtime = runtime::Runtime::Create(options);
    ASSERT_TRUE(runtime.ok()) << runtime.status();
    runtime_ = *std::move(runtime);
    service::ServerOptions server;
    server.listen_address = "127.0.0.1:0";
    auto started = service::Server::Start(server, runtime_.get());
    ASSERT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
    runtime = runtime::Runtime::Create(options);
    ASSERT_TRUE(runtime.ok());
    embedded_ = std::make_unique<Client>(internal::MakeEngineConnection(*std::move(runtime)));
  }

  // One that sends in one message, one in small pieces, and one in process.
  std::map<std::string, Client> Clients() {
    ClientOptions whole, pieces;
    whole.chunk_bytes = 4 << 20;
    pieces.chunk_bytes = 1024;
    whole.retry.max_attempts = pieces.retry.max_attempts = 1;
    return {{"whole", *Client::Connect(server_->address(), whole)},
            {"pieces", *Client::Connect(server_->address(), pieces)},
            {"embedded", *embedded_}};
  }

  std::filesystem::path folder_;
  std::unique_ptr<runtime::Runtime> runtime_;
  std::unique_ptr<service::Server> server_;
  std::unique_ptr<Client> embedded_;
};

ClassifyOptions With(const char* model) {
  ClassifyOptions options;
  options.model = model;
  return options;
}

TEST_F(MediaServiceTest, EveryDoorGivesTheSameAnswer) {
  std::map<std::string, std::vector<float>> first;
  for (auto& [door, client] : Clients()) {
    std::map<std::string, std::vector<float>> numbers;
    const auto image = client.Classify(Named(Png(), "photo.png"), With("swin"));
    ASSERT_TRUE(image.ok()) << door << image.status();
    EXPECT_EQ(image->model, "swin");
    for (const LabelScore& label : image->labels) numbers["image"].push_back(label.logit);
    const auto sound = client.Classify(Named(Wav(SoundWithPauses(3)), "talk.wav"), With("htsat"));
    ASSERT_TRUE(sound.ok()) << door << sound.status();
    EXPECT_DOUBLE_EQ(sound->tokens.seconds, 3);
    EXPECT_TRUE(sound->events.empty());
    for (const LabelScore& label : sound->labels) numbers["sound"].push_back(label.logit);
    for (const char* model : {"swin", "htsat", "clap"}) {
      EmbedOptions options;
      options.model = model;
      options.normalize = true;
      const bool is_image = std::string(model) == "swin";
      const auto vector = client.Embed(
          is_image ? Named(Png(), "photo.png") : Named(Wav(SoundWithPauses(3)), "talk.wav"),
          options);
      ASSERT_TRUE(vector.ok()) << door << model << vector.status();
      ASSERT_EQ(vector->embeddings.size(), 1U);
      numbers[model] = vector->embeddings[0].values;
    }
    EXPECT_EQ(numbers["clap"].size(), 12U);
    if (first.empty()) first = numbers;
    for (const auto& [what, values] : first) {
      ASSERT_EQ(numbers[what].size(), values.size());
      for (size_t i = 0; i < values.size(); ++i) {
        EXPECT_NEAR(numbers[what][i], values[i], 1e-4) << door << what;
      }
    }
  }
}

TEST_F(MediaServiceTest, EventsComeAsTheyEndAndAreAllInTheAnswer) {
  std::vector<SoundEvent> first;
  for (auto& [door, client] : Clients()) {
    ClassifyOptions options = With("htsat");
    options.events.emplace().max_pause_s = 0.1;
    std::vector<SoundEvent> told;
    options.on_event = [&](const SoundEvent& event) { told.push_back(event); };
    const auto result = client.Classify(Named(Wav(SoundWithPauses(9)), "talk.wav"), options);
    ASSERT_TRUE(result.ok()) << door << result.status();
    EXPECT_GT(told.size(), 3U) << door;
    ASSERT_GE(result->events.size(), told.size()) << door;
    for (size_t i = 0; i < told.size(); ++i) {
      EXPECT_EQ(told[i].begin_s, result->events[i].begin_s);
      EXPECT_EQ(told[i].label, result->events[i].label);
      EXPECT_LT(told[i].begin_s, told[i].end_s);
    }
    if (first.empty()) first = result->events;
    ASSERT_EQ(result->events.size(), first.size()) << door;
    for (size_t i = 0; i < first.size(); ++i) {
      EXPECT_EQ(result->events[i].label, first[i].label);
      EXPECT_DOUBLE_EQ(result->events[i].end_s, first[i].end_s);
    }
  }
}

TEST_F(MediaServiceTest, EventsOfManySoundsAtOnceStayApart) {
  ClassifyManyOptions options;
  options.classify = With("htsat");
  options.classify.events.emplace().max_pause_s = 0.1;
  for (auto& [door, client] : Clients()) {
    size_t next = 0;
    std::map<std::string, std::vector<SoundEvent>> events;
    const auto stream = client.ClassifyMany(
        [&]() -> std::optional<DocumentInput> {
          if (next == 6) return std::nullopt;
          const double seconds = 1.0 + static_cast<double>(next++ % 3) * 2;
          return Named(Wav(SoundWithPauses(seconds)), absl::StrCat(next, ".wav").c_str());
        },
        [&](const std::string& id, absl::StatusOr<ClassifyResult> result) {
          ASSERT_TRUE(result.ok()) << result.status();
          events[id] = result->events;
        },
        options);
    ASSERT_TRUE(stream->Wait().ok());
    ASSERT_EQ(events.size(), 6U) << door;
    for (int i = 1; i <= 3; ++i) {
      const auto& one = events[absl::StrCat(i, ".wav")];
      const auto& same = events[absl::StrCat(i + 3, ".wav")];
      ASSERT_EQ(one.size(), same.size()) << door;
      for (size_t k = 0; k < one.size(); ++k) EXPECT_EQ(one[k].end_s, same[k].end_s);
    }
    EXPECT_GT(events["3.wav"].size(), events["1.wav"].size());
  }
}

TEST_F(MediaServiceTest, BadFilesAreNamedAndHarmNothingElse) {
  std::vector<float> nan = SoundWithPauses(1);
  nan[77] = std::numeric_limits<float>::quiet_NaN();
  std::string flipped = Png();
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 4);
  struct Case {
    const char* name;
    const char* model;
    std::string bytes;
    absl::StatusCode code;
    const char* message;
  };
  const absl::StatusCode invalid = absl::StatusCode::kInvalidArgument;
  const Case cases[] = {
      {"cut.png", "swin", Png().substr(0, 60), invalid, "cut.png: "},
      {"flipped.png", "swin", flipped, invalid, "flipped.png: "},
      {"bomb.png", "swin", Bomb(60'000), absl::StatusCode::kResourceExhausted, "3600000000 pixels"},
      {"sound.png", "swin", Wav(SoundWithPauses(1)), invalid, "not a JPEG, PNG"},
      {"empty.png", "swin", "", invalid, "empty.png: "},
      {"cut.wav", "htsat", Wav(SoundWithPauses(1)).substr(0, 9000), invalid, "is it cut off?"},
      {"lies.wav", "htsat", models::WavOf(1, 2, 8000, 16, std::string(64, 'x'), 4'000'000'000U),
       invalid, "promises 4000000000 bytes"},
      {"none.wav", "htsat", models::WavOf(1, 1, 8000, 16, "", 0), invalid, "no samples"},
      {"nan.wav", "htsat", Wav(nan), invalid, "frame 77, channel 0 is"},
      {"photo.wav", "htsat", Png(), invalid, "none of WAV, FLAC, Ogg and MP3"},
      {"photo.wav", "clap", Png(), invalid, "none of WAV, FLAC, Ogg and MP3"},
      {"text.md", "swin", "# Title\n\nText.\n", invalid, "not a JPEG, PNG"},
  };
  for (auto& [door, client] : Clients()) {
    for (const Case& bad : cases) {
      EmbedOptions embed;
      embed.model = bad.model;
      absl::Status status = client.Embed(Named(bad.bytes, bad.name), embed).status();
      EXPECT_EQ(status.code(), bad.code) << door << " " << bad.name << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr(bad.message)) << door << bad.name;
      EXPECT_EQ(ErrorReason(status),
                bad.code == invalid ? "INVALID_DOCUMENT" : "DOCUMENT_TOO_LARGE")
          << door << bad.name;
      if (std::string(bad.model) == "clap") continue;
      status = client.Classify(Named(bad.bytes, bad.name), With(bad.model)).status();
      EXPECT_EQ(status.code(), bad.code) << door << " " << bad.name << status;
    }
    // Wrong ending, many channels, a high rate: none of them is a fault.
    EXPECT_TRUE(client.Classify(Named(Png(), "photo.wav"), With("swin")).ok());
    const auto wide = client.Classify(
        Named(Wav(models::Tone(500, 192'000, 8, 192'000), 8, 192'000), "a.txt"), With("htsat"));
    ASSERT_TRUE(wide.ok()) << door << wide.status();
    EXPECT_NEAR(wide->tokens.seconds, 1, 1e-3);
    // A whole batch of good and bad at once.
    std::set<std::string> fine;
    size_t next = 0;
    ClassifyManyOptions options;
    options.classify = With("htsat");
    options.retry.max_attempts = 1;
    const auto stream = client.ClassifyMany(
        [&]() -> std::optional<DocumentInput> {
          const size_t i = next++;
          if (i == 20) return std::nullopt;
          if (i % 2 == 0) {
            return Named(Wav(SoundWithPauses(1)), absl::StrCat("good ", i).c_str());
          }
          return Named(cases[5 + i / 2 % 5].bytes, absl::StrCat("bad ", i).c_str());
        },
        [&](const std::string& id, const absl::StatusOr<ClassifyResult>& result) {
          EXPECT_EQ(result.ok(), absl::StartsWith(id, "good")) << door << id << result.status();
          if (result.ok()) fine.insert(id);
        },
        options);
    ASSERT_TRUE(stream->Wait().ok());
    EXPECT_EQ(fine.size(), 10U) << door;
  }
}

TEST_F(MediaServiceTest, LimitsAreTheServers) {
  runtime::Limits limits;
  limits.max_image_pixels = 1000;
  limits.max_sound_seconds = 2;
  Start(limits);
  for (auto& [door, client] : Clients()) {
    const auto image = client.Classify(Named(Png(40, 30), "photo.png"), With("swin"));
    EXPECT_EQ(image.status().code(), absl::StatusCode::kResourceExhausted) << door;
    EXPECT_THAT(std::string(image.status().message()), HasSubstr("1200 pixels"));
    EXPECT_TRUE(client.Classify(Named(Png(30, 30), "photo.png"), With("swin")).ok()) << door;
    const auto sound = client.Classify(Named(Wav(SoundWithPauses(4)), "talk.wav"), With("htsat"));
    EXPECT_EQ(sound.status().code(), absl::StatusCode::kResourceExhausted) << door;
    EXPECT_THAT(std::string(sound.status().message()), HasSubstr("at most 2 s"));
    EXPECT_TRUE(client.Classify(Named(Wav(SoundWithPauses(1.5)), "talk.wav"), With("htsat")).ok());
  }
}

TEST_F(MediaServiceTest, WhatAModelCannotDoIsRefused) {
  for (auto& [door, client] : Clients()) {
    ClassifyOptions options = With("swin");
    options.events.emplace();
    EXPECT_THAT(client.Classify(Named(Png(), "photo.png"), options).status().ToString(),
                HasSubstr("events are of sounds"))
        << door;
    options = With("htsat");
    options.events.emplace().threshold = 2;
    EXPECT_THAT(
        client.Classify(Named(Wav(SoundWithPauses(1)), "a.wav"), options).status().ToString(),
        HasSubstr("threshold of 2"))
        << door;
    EXPECT_THAT(
        client.Classify(Named(Wav(SoundWithPauses(1)), "a.wav"), With("clap")).status().ToString(),
        HasSubstr("names no sounds"))
        << door;
    options = With("htsat");
    options.timeout = absl::Nanoseconds(1);
    EXPECT_EQ(client.Classify(Named(Wav(SoundWithPauses(60)), "a.wav"), options).status().code(),
              absl::StatusCode::kDeadlineExceeded)
        << door;
  }
}

}  // namespace
}  // namespace strata

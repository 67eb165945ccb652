#include "models/engine/audio_engine.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/engine/no_tokenizer.h"
#include "models/engine/sound_session.h"

namespace strata::models {
namespace {

// Windows of one forward pass: more of them take memory and no less time each.
constexpr size_t kWindowsAtOnce = 16;

ModelInfo InfoOf(const AudioModelInfo& from) {
  ModelInfo info;
  info.input = InputKind::kSound;
  info.architecture = from.architecture;
  info.model_type = from.model_type;
  info.tasks = {Task::kEmbed};
  if (!from.labels.empty()) info.tasks.push_back(Task::kClassify);
  info.labels = from.labels;
  info.num_parameters = from.num_parameters;
  info.weight_bytes = from.weight_bytes;
  info.hidden_size = from.hidden_size;
  info.num_layers = from.num_layers;
  return info;
}

class AudioEngine : public Engine {
 public:
  explicit AudioEngine(std::shared_ptr<const AudioModel> model)
      : model_(std::move(model)), info_(InfoOf(model_->info())) {}

  const ModelInfo& info() const override { return info_; }
  const Tokenizer& tokenizer() const override { return tokenizer_; }
  absl::Status Check(const TaskRequest& request) const override;
  absl::StatusOr<PreparedDocument> Prepare(DocumentTree, const PrepareOptions&) const override {
    return absl::InvalidArgumentError("this model hears sounds; it does not read text");
  }
  absl::StatusOr<std::unique_ptr<SoundSession>> OpenSound(
      std::string bytes, std::shared_ptr<ByteFeed> feed, const AudioReadOptions& options,
      const TaskRequest& request) const override {
    if (absl::Status status = Check(request); !status.ok()) return status;
    return OpenSoundSession(model_, std::move(bytes), std::move(feed), options, request);
  }
  absl::StatusOr<std::vector<TaskResult>> Run(
      absl::Span<const WorkItem> batch, const std::function<bool()>& cancelled) const override;

 private:
  const std::shared_ptr<const AudioModel> model_;
  const ModelInfo info_;
  const NoTokenizer tokenizer_{"sounds"};
};

}  // namespace

absl::Status AudioEngine::Check(const TaskRequest& request) const {
  if (request.task == Task::kClassify && info_.labels.empty()) {
    return absl::InvalidArgumentError(
        "this model names no sounds; ask it for embeddings, or name another model");
  }
  if (request.task == Task::kSummarize) {
    return absl::InvalidArgumentError("a sound has no text to summarize; name a text model");
  }
  if (request.task == Task::kMatch) {
    return absl::InvalidArgumentError(
        "sounds are not matched as documents are; compare their embeddings");
  }
  if (request.top_k < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("top_k is ", request.top_k, "; it must be 0 (all labels) or more"));
  }
  if (request.task == Task::kEmbed) {
    if (request.levels == std::vector<EmbeddingLevel>{EmbeddingLevel::kDocument}) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        "a sound has one vector; ask for the level document and no other");
  }
  if (!request.events) return absl::OkStatus();
  ListenOptions options;
  options.events = request.events->events;
  options.overlap_s = request.events->overlap_s;
  return model_->Listen(options, nullptr).status();
}

absl::StatusOr<std::vector<TaskResult>> AudioEngine::Run(
    absl::Span<const WorkItem> batch, const std::function<bool()>& cancelled) const {
  std::vector<TaskResult> results(batch.size());
  std::vector<const SoundWindow*> windows;
  std::vector<size_t> places;  // in the batch, of each window
  for (size_t i = 0; i < batch.size(); ++i) {
    const PreparedSound* const sound = batch[i].document->sound.get();
    if (sound == nullptr) {
      results[i].status =
          absl::InvalidArgumentError("this model hears sounds; it does not read text");
      continue;
    }
    results[i].tokens.num_tokens = sound->num_tokens();
    for (const SoundWindow& window : sound->windows) {
      windows.push_back(&window);
      places.push_back(i);
    }
  }
  for (size_t begin = 0; begin < windows.size(); begin += kWindowsAtOnce) {
    auto answers =
        model_->Run(absl::MakeConstSpan(windows).subspan(begin, kWindowsAtOnce), cancelled);
    if (!answers.ok()) return answers.status();
    for (size_t i = 0; i < answers->size(); ++i) {
      results[places[begin + i]].windows.push_back(std::move((*answers)[i]));
    }
  }
  return results;
}

absl::StatusOr<std::shared_ptr<const Engine>> LoadAudioEngine(const std::string& folder) {
  auto model = AudioModel::Load(folder);
  if (!model.ok()) return model.status();
  return MakeAudioEngine(*std::move(model));
}

std::shared_ptr<const Engine> MakeAudioEngine(std::shared_ptr<const AudioModel> model) {
  return std::make_shared<const AudioEngine>(std::move(model));
}

}  // namespace strata::models

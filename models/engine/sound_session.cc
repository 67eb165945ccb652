#include "models/engine/sound_session.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/document/document_reader.h"
#include "models/engine/answers.h"
#include "models/media/waveform_reader.h"

namespace strata::models {
namespace {

// Of one sound in one pass: enough to compute at speed, few enough to let others in between.
constexpr size_t kWindowsPerPass = 4;

// Of one sound: events are kept until somebody takes them.
constexpr int64_t kMaxEvents = 100'000;

// What RankLabels reads as the probabilities `scores`.
at::Tensor LogitsOf(const std::vector<float>& scores, bool single_label) {
  const at::Tensor likely = at::tensor(scores).clamp(1e-7, 1 - 1e-7);
  return single_label ? likely.log() : likely.logit();
}

class ModelSession : public SoundSession {
 public:
  ModelSession(std::shared_ptr<const AudioModel> model, std::string bytes,
               const TaskRequest& request)
      : model_(std::move(model)),
        bytes_(std::move(bytes)),
        request_(request),
        cutter_(model_->windows(request.events ? request.events->overlap_s : 0,
                                /*whole=*/request.task != Task::kClassify)),
        tally_(model_->info().sample_rate, static_cast<int32_t>(model_->info().labels.size()),
               request.events ? request.events->events : SoundEventOptions(), Callback()) {}

  absl::Status Start(std::shared_ptr<ByteFeed> feed, const AudioReadOptions& read) {
    const WaveformOptions wave = model_->wave(read);
    auto reader =
        feed ? WaveformReader::Open(std::move(feed), wave) : WaveformReader::Open(bytes_, wave);
    if (!reader.ok()) return reader.status();
    reader_ = *std::move(reader);
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<PreparedDocument>> Next() override;
  bool last() const override { return ended_ && ready_.empty(); }
  absl::Status Take(const PreparedSound& pass, const TaskResult& answer) override;
  std::vector<HeardEvent> TakeEvents() override { return std::exchange(events_, {}); }
  TaskResult Finish() override;

 private:
  SoundEventDetector::Callback Callback() {
    if (!request_.events) return nullptr;
    return [this](const SoundEvent& event) {
      ++num_events_;
      events_.push_back({model_->info().labels[static_cast<size_t>(event.label)], event.begin_s,
                         event.end_s, event.peak});
    };
  }

  const std::shared_ptr<const AudioModel> model_;
  const std::string bytes_;
  const TaskRequest request_;
  std::unique_ptr<WaveformReader> reader_;
  SoundCutter cutter_;
  SoundTally tally_;
  std::vector<SoundWindow> ready_;  // cut and not yet in a pass
  std::vector<float> samples_;
  bool ended_ = false;
  std::vector<HeardEvent> events_;  // ended and not yet asked for
  int64_t num_events_ = 0;
  int64_t num_tokens_ = 0;
};

absl::StatusOr<std::optional<PreparedDocument>> ModelSession::Next() {
  while (!ended_ && ready_.size() < kWindowsPerPass && !reader_->must_wait()) {
    samples_.clear();
    auto more = reader_->Read(samples_);
    if (!more.ok()) return more.status();
    absl::Status status = cutter_.Push(samples_, ready_);
    if (status.ok() && !*more) {
      ended_ = true;
      status = cutter_.Finish(ready_);
    }
    if (!status.ok()) return status;
  }
  if (ready_.empty()) return std::nullopt;
  auto pass = std::make_shared<PreparedSound>();
  const auto taken =
      ready_.begin() + static_cast<std::ptrdiff_t>(std::min(ready_.size(), kWindowsPerPass));
  pass->windows.assign(std::make_move_iterator(ready_.begin()), std::make_move_iterator(taken));
  ready_.erase(ready_.begin(), taken);
  auto tree = ReadDocument("", DocumentFormat::kPlainText);  // one node: the sound
  if (!tree.ok()) return tree.status();
  PreparedDocument document;
  document.tree = *std::move(tree);
  document.sound = std::move(pass);
  return document;
}

absl::Status ModelSession::Take(const PreparedSound& pass, const TaskResult& answer) {
  for (size_t i = 0; i < pass.windows.size(); ++i) tally_.Add(pass.windows[i], answer.windows[i]);
  num_tokens_ += pass.num_tokens();
  if (num_events_ <= kMaxEvents) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("more than ", kMaxEvents,
                   " events in one sound; raise their threshold, max_pause or min_event"));
}

TaskResult ModelSession::Finish() {
  const SoundSummary summary = tally_.Finish();
  TaskResult result;
  result.tokens.num_tokens = num_tokens_;
  result.tokens.seconds = summary.seconds;
  if (request_.task == Task::kClassify) {
    const bool single = model_->info().single_label;
    result.labels =
        RankLabels(LogitsOf(summary.scores, single), model_->info().labels,
                   single ? LabelKind::kOneOfAll : LabelKind::kEachByItself, request_.top_k);
  } else {
    Embedding& embedding = result.embeddings.emplace_back();
    embedding.node = 0;
    embedding.values = ToVector(at::tensor(summary.vector), request_.normalize);
  }
  result.events = TakeEvents();
  return result;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SoundSession>> OpenSoundSession(
    std::shared_ptr<const AudioModel> model, std::string bytes, std::shared_ptr<ByteFeed> feed,
    const AudioReadOptions& read, const TaskRequest& request) {
  auto session = std::make_unique<ModelSession>(std::move(model), std::move(bytes), request);
  if (absl::Status status = session->Start(std::move(feed), read); !status.ok()) return status;
  return session;
}

}  // namespace strata::models

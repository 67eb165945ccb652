// A model folder as an engine: encoder by its model_type, classification head if the checkpoint has
// one, answers read off the hidden states.
#include "models/engine/engine.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "kernels/launch/thread_pool.h"
#include "models/batch/packed_batch.h"
#include "models/checkpoint/model_weights.h"
#include "models/engine/answers.h"
#include "models/engine/aten_threads.h"
#include "models/engine/audio_engine.h"
#include "models/engine/extract_answer.h"
#include "models/engine/image_engine.h"
#include "models/engine/label_answer.h"
#include "models/engine/registry.h"
#include "models/engine/summary_writer.h"
#include "models/heads/sentence_classifier.h"
#include "models/layers/encoder.h"
#include "nlohmann/json.hpp"

namespace strata::models {
namespace {

class LoadedEngine : public Engine {
 public:
  LoadedEngine(ModelInfo info, std::unique_ptr<const Tokenizer> tokenizer,
               std::unique_ptr<const Encoder> encoder,
               std::optional<SentenceClassifierWeights> classifier,
               std::optional<NodeLabeller> labeller, std::optional<SummaryWriter> writer)
      : info_(std::move(info)),
        tokenizer_(std::move(tokenizer)),
        encoder_(std::move(encoder)),
        classifier_(std::move(classifier)),
        labeller_(std::move(labeller)),
        writer_(std::move(writer)) {}

  const ModelInfo& info() const override { return info_; }
  const Tokenizer& tokenizer() const override { return *tokenizer_; }
  absl::Status Check(const TaskRequest& request) const override;
  absl::StatusOr<PreparedDocument> Prepare(DocumentTree tree,
                                           const PrepareOptions& options) const override;
  absl::StatusOr<std::vector<TaskResult>> Run(
      absl::Span<const WorkItem> batch, const std::function<bool()>& cancelled) const override;

 private:
  absl::StatusOr<std::vector<TaskResult>> RunChecked(absl::Span<const WorkItem> batch,
                                                     const std::function<bool()>& cancelled) const;
  absl::Status CheckWriting(const SummaryOptions& options) const;
  // Whether the answer is written, not chosen.
  bool IsWritten(const TaskRequest& request) const {
    return request.task == Task::kSummarize &&
           (request.summary.method == SummaryMethod::kAbstractive ||
            (request.summary.method == SummaryMethod::kAuto && writer_));
  }

  const ModelInfo info_;
  const std::unique_ptr<const Tokenizer> tokenizer_;
  const std::unique_ptr<const Encoder> encoder_;
  const std::optional<SentenceClassifierWeights> classifier_;
  const std::optional<NodeLabeller> labeller_;
  const std::optional<SummaryWriter> writer_;
};

absl::StatusOr<std::string> ReadTextFile(const std::filesystem::path& path) {
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    return absl::ErrnoToStatus(errno, absl::StrCat(path.string(), ", which a model folder holds"));
  }
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

// model_type or, as timm has it, architecture.
absl::StatusOr<std::string> ModelType(const std::string& config_json, const std::string& path) {
  const nlohmann::json config = nlohmann::json::parse(config_json, nullptr, false);
  if (!config.is_object())
    return absl::InvalidArgumentError(absl::StrCat(path, ": not a JSON object"));
  for (const char* name : {"model_type", "architecture"}) {
    if (config.contains(name) && config[name].is_string()) return config[name].get<std::string>();
  }
  return absl::InvalidArgumentError(absl::StrCat(path, ": model_type is missing"));
}

absl::StatusOr<std::shared_ptr<const Engine>> LoadFolder(const std::string& folder,
                                                         const LoadOptions& options);

// The classification head, if the weights hold one. INVALID_ARGUMENT: it does not fit the labels.
absl::StatusOr<std::optional<SentenceClassifierWeights>> LoadClassifier(const TensorMap& weights,
                                                                        const EncoderInfo& encoder,
                                                                        const std::string& folder) {
  if (!weights.contains("classifier.out.weight")) return std::nullopt;
  if (encoder.labels.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        folder, ": the weights hold a classification head, but config.json names no id2label"));
  }
  const at::NoGradGuard no_grad;
  SentenceClassifierWeights classifier = InitialSentenceClassifierWeights(
      encoder.hidden_size, static_cast<int64_t>(encoder.labels.size()));
  const absl::Status status = LoadWeights(
      SentenceClassifierTable(classifier), weights,
      [](const std::string& key) { return !IsSentenceClassifierKey(key); }, folder);
  if (!status.ok()) return status;
  if (absl::Status packed = PackForInference(classifier); !packed.ok()) return packed;
  return classifier;
}

// Sizes need not agree to the last entry (checkpoints round up), but a tokenizer that knows more,
// or next to nothing of what the model knows, belongs to another model.
absl::Status CheckTokenizer(const Tokenizer& tokenizer, int32_t vocab_size,
                            const std::string& folder) {
  constexpr int32_t kFewTimes = 4, kSmall = 1000;
  const int32_t size = tokenizer.vocab_size();
  const bool too_small = vocab_size >= kSmall && size < vocab_size / kFewTimes;
  if (vocab_size == 0 || (size <= vocab_size && !too_small)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(folder, ": the tokenizer has ", size,
                                                 " entries, vocab_size in config.json is ",
                                                 vocab_size, "; is it another model's?"));
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Engine>> Engine::Load(const std::string& folder,
                                                           const LoadOptions& options) {
  // ATen reports by exceptions; none may pass this line.
  try {
    return LoadFolder(folder, options);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(absl::StrCat("not enough memory to load ", folder));
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(folder, " cannot be loaded: ", error.what()));
  }
}

namespace {

kernels::WeightType WeightTypeOf(WeightPrecision precision) {
  switch (precision) {
    case WeightPrecision::kBFloat16:
      return kernels::WeightType::kBFloat16;
    case WeightPrecision::kInt8:
      return kernels::WeightType::kInt8;
    case WeightPrecision::kFloat32:
      break;
  }
  return kernels::WeightType::kFloat32;
}

absl::StatusOr<std::shared_ptr<const Engine>> LoadFolder(const std::string& folder,
                                                         const LoadOptions& options) {
  const std::filesystem::path root(folder);
  auto config_json = ReadTextFile(root / "config.json");
  if (!config_json.ok()) return config_json.status();
  auto model_type = ModelType(*config_json, (root / "config.json").string());
  if (!model_type.ok()) return model_type.status();
  const ImageEncoderLoader images = FindImageEncoderLoader(*model_type);
  const bool sounds = FindAudioEncoderLoader(*model_type).ok();
  if ((images || sounds) && options.precision != WeightPrecision::kFloat32) {
    return absl::UnimplementedError(absl::StrCat(
        folder, ": weights of an ", images ? "image" : "audio", " model are kept as fp32, not as ",
        std::string(WeightPrecisionName(options.precision)), "; load it without --dtype"));
  }
  if (images) return LoadImageEngine(folder, *config_json, *model_type, images);
  if (sounds) return LoadAudioEngine(folder);
  auto loader = FindEncoderLoader(*model_type);
  if (!loader.ok()) return loader.status();
  auto tokenizer = Tokenizer::Load(folder);
  if (!tokenizer.ok()) return tokenizer.status();
  auto weights = ReadModelWeights(folder);
  if (!weights.ok()) return weights.status();
  const auto is_head_key = [](const std::string& key) {
    return IsSentenceClassifierKey(key) || IsNodeLabellerKey(key);
  };
  auto encoder = (*loader)(*config_json, *weights, **tokenizer, is_head_key, folder,
                           WeightTypeOf(options.precision));
  if (!encoder.ok()) return encoder.status();
  if (absl::Status status = CheckTokenizer(**tokenizer, (*encoder)->info().vocab_size, folder);
      !status.ok()) {
    return status;
  }
  auto classifier = LoadClassifier(*weights, (*encoder)->info(), folder);
  if (!classifier.ok()) return classifier.status();
  auto labeller = LoadNodeLabeller(*weights, *config_json, (*encoder)->info(), folder);
  if (!labeller.ok()) return labeller.status();
  if (classifier->has_value() && labeller->has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        folder, ": the weights hold a head for documents and one for their nodes; keep one"));
  }

  std::optional<SummaryWriter> writer;
  if (const SequenceDecoder* decoder = (*encoder)->decoder()) {
    auto loaded = SummaryWriter::Load(folder, *config_json, *decoder, **tokenizer);
    if (!loaded.ok()) return loaded.status();
    writer = *std::move(loaded);
  }

  ModelInfo info;
  info.architecture = (*encoder)->info().architecture;
  info.model_type = *model_type;
  info.tokenizer = std::string((*tokenizer)->kind());
  info.tasks = {Task::kEmbed, Task::kMatch};
  if (classifier->has_value() || labeller->has_value() || (*encoder)->info().classifies) {
    info.tasks.push_back(Task::kClassify);
    info.labels = (*encoder)->info().labels;
    if (labeller->has_value()) info.label_level = (*labeller)->level;
  }
  info.tasks.push_back(Task::kSummarize);
  for (const auto& [key, view] : *weights) info.num_parameters += view.num_elements();
  info.weight_bytes = (*encoder)->info().weight_bytes;
  info.precision = options.precision;
  info.hidden_size = (*encoder)->info().hidden_size;
  info.num_layers = (*encoder)->info().num_layers;
  info.vocab_size = (*encoder)->info().vocab_size;
  info.match_amplifier = (*encoder)->info().match_amplifier;
  return std::make_shared<const LoadedEngine>(std::move(info), *std::move(tokenizer),
                                              *std::move(encoder), *std::move(classifier),
                                              *std::move(labeller), std::move(writer));
}

}  // namespace

absl::Status LoadedEngine::Check(const TaskRequest& request) const {
  if (request.events) {
    return absl::InvalidArgumentError("events are of sounds, and this model reads text");
  }
  if (request.task == Task::kClassify) {
    if (!classifier_ && !labeller_ && !encoder_->info().classifies) {
      return absl::InvalidArgumentError(
          "this model has no classification head; ask it for embeddings, or name another model");
    }
    if (request.top_k < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("top_k is ", request.top_k, "; it must be 0 (all labels) or more"));
    }
  }
  if (request.task == Task::kEmbed && request.levels.empty()) {
    return absl::InvalidArgumentError(
        "levels is empty; name at least one of document, section, sentence, token");
  }
  if (request.task == Task::kSummarize) {
    return IsWritten(request) ? CheckWriting(request.summary) : CheckExtract(request.summary);
  }
  return absl::OkStatus();
}

absl::Status LoadedEngine::CheckWriting(const SummaryOptions& options) const {
  if (!writer_) {
    return absl::InvalidArgumentError(
        "this model has no decoder to write with; ask for an extractive summary, or name another "
        "model");
  }
  if (options.max_words != 0 || options.max_sentences != 0) {
    return absl::InvalidArgumentError(
        "max_words and max_sentences are the budget of extractive summaries; give max_new_tokens "
        "to a model that writes");
  }
  return writer_->Check(options.writing);
}

absl::StatusOr<PreparedDocument> LoadedEngine::Prepare(DocumentTree tree,
                                                       const PrepareOptions& options) const {
  const bool cut = options.truncation == Truncation::kKeepHead;
  const int64_t most =
      options.max_tokens > 0 ? options.max_tokens : std::numeric_limits<int64_t>::max();
  const int64_t limit = cut ? most : 0;
  auto sequence = options.query.empty() ? encoder_->Anchor(tree, limit)
                                        : encoder_->AnchorWithQuery(tree, options.query, limit);
  if (!sequence.ok()) return sequence.status();
  if (options.max_tokens > 0 && sequence->num_tokens() > options.max_tokens) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the document has ", sequence->num_tokens(), " tokens, the limit is ",
                     options.max_tokens, "; raise the limit or allow the document to be cut"));
  }
  return PreparedDocument{std::move(tree), *std::move(sequence), nullptr, nullptr};
}

absl::StatusOr<std::vector<TaskResult>> LoadedEngine::Run(
    absl::Span<const WorkItem> batch, const std::function<bool()>& cancelled) const {
  const c10::InferenceMode inference;
  const AtenThreads threads(encoder_->info().runs_on_kernels ? AtenThreads::Layers::kOnKernels
                                                             : AtenThreads::Layers::kOnAten);
  // ATen reports by exceptions; none may pass this line.
  try {
    return RunChecked(batch, cancelled);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("not enough memory for this batch");
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("the forward pass failed: ", error.what()));
  }
}

namespace {

// Whether an answer may be made of the states of single tokens.
bool WantsStates(absl::Span<const WorkItem> batch) {
  return std::ranges::any_of(batch, [](const WorkItem& item) {
    return item.request.task == Task::kSummarize ||
           (item.request.task == Task::kEmbed &&
            std::ranges::any_of(item.request.levels, [](EmbeddingLevel level) {
              return level == EmbeddingLevel::kToken || level == EmbeddingLevel::kSection;
            }));
  });
}

}  // namespace

absl::StatusOr<std::vector<TaskResult>> LoadedEngine::RunChecked(
    absl::Span<const WorkItem> batch, const std::function<bool()>& cancelled) const {
  std::vector<TaskResult> results(batch.size());
  std::vector<const AnchoredSequence*> sequences;
  std::vector<const PreparedDocument*> documents;
  std::vector<size_t> places;  // of the documents that are computed
  for (size_t i = 0; i < batch.size(); ++i) {
    const AnchoredSequence& sequence = batch[i].document->sequence;
    results[i].status = Check(batch[i].request);
    if (results[i].status.ok() && batch[i].request.task != Task::kEmbed &&
        sequence.num_words_kept == 0) {
      results[i].status = absl::InvalidArgumentError(
          absl::StrCat("the document holds no text, so there is nothing to ",
                       std::string(TaskName(batch[i].request.task))));
    }
    if (!results[i].status.ok()) continue;
    sequences.push_back(&sequence);
    documents.push_back(batch[i].document);
    places.push_back(i);
  }
  if (sequences.empty()) return results;

  auto packed = Pack(sequences);
  if (!packed.ok()) return packed.status();
  auto output =
      encoder_->ForwardWithHead(*packed, classifier_ || labeller_ || WantsStates(batch), cancelled);
  if (!output.ok()) return output.status();
  std::optional<SentenceClassifierOutput> classified;
  if (classifier_) {
    classified =
        ClassifySentences(*classifier_, output->states, *packed, encoder_->info().norm_epsilon);
  }
  LabelledAnchors anchors;
  at::Tensor node_labels;
  if (labeller_) {
    anchors = AnchorsToLabel(documents, *packed, labeller_->level);
    node_labels =
        LabelNodes(labeller_->weights, output->states, anchors, encoder_->info().norm_epsilon)
            .marginals;
  }
  const LabelKind kind = classifier_ ? LabelKind::kOneOfAll : encoder_->info().label_kind;
  std::vector<SummaryWriter::Job> written;
  for (size_t b = 0; b < places.size(); ++b) {
    const WorkItem& item = batch[places[b]];
    TaskResult& result = results[places[b]];
    const DocumentView view{*item.document, *packed, static_cast<int64_t>(b), *output,
                            classified ? &*classified : nullptr};
    result.tokens = CountTokens(view);
    if (item.request.task == Task::kClassify && labeller_) {
      AnswerLabels(view, anchors, node_labels, info_.labels, item.request, result);
    } else if (item.request.task == Task::kClassify) {
      AnswerClassify(view, info_.labels, kind, item.request, result);
    } else if (item.request.task == Task::kMatch) {
      AnswerMatch(view, result);
    } else if (item.request.task == Task::kEmbed) {
      AnswerEmbed(view, item.request, result);
    } else if (IsWritten(item.request)) {
      written.push_back({&item, view.index, &result});
    } else {
      result.status = AnswerExtract(view, item.request.summary, item.on_text, result);
    }
  }
  if (!written.empty()) {
    // The decoder's.
    const AtenThreads threads(AtenThreads::Layers::kOnAten);
    const absl::Status status = writer_->Write(output->states, *packed, written, cancelled);
    if (!status.ok()) return status;
  }
  return results;
}

void SetComputeThreads(int num_threads) {
  kernels::SetNumThreads(num_threads);
  at::set_num_threads(kernels::SharedThreadPool()->size());
}

}  // namespace strata::models

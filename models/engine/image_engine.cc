#include "models/engine/image_engine.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/checkpoint/model_weights.h"
#include "models/document/document_reader.h"
#include "models/engine/answers.h"
#include "models/engine/aten_threads.h"
#include "models/engine/no_tokenizer.h"
#include "models/layers/image_processor_config.h"

namespace strata::models {
namespace {

class ImageEngine : public Engine {
 public:
  ImageEngine(ModelInfo info, ImageProcessor processor, std::unique_ptr<const ImageEncoder> encoder)
      : info_(std::move(info)), processor_(processor), encoder_(std::move(encoder)) {}

  const ModelInfo& info() const override { return info_; }
  const Tokenizer& tokenizer() const override { return tokenizer_; }
  absl::Status Check(const TaskRequest& request) const override;
  absl::StatusOr<PreparedDocument> Prepare(DocumentTree, const PrepareOptions&) const override {
    return absl::InvalidArgumentError("this model reads images, not text");
  }
  absl::StatusOr<PreparedDocument> PrepareImage(std::string_view bytes,
                                                const ImageReadOptions& options) const override;
  absl::StatusOr<std::vector<TaskResult>> Run(
      absl::Span<const WorkItem> batch, const std::function<bool()>& cancelled) const override;

 private:
  // Places of the batch that hold images of one size.
  absl::Status RunGroup(absl::Span<const WorkItem> batch, const std::vector<size_t>& places,
                        const std::function<bool()>& cancelled,
                        std::vector<TaskResult>& results) const;

  const ModelInfo info_;
  const ImageProcessor processor_;
  const std::unique_ptr<const ImageEncoder> encoder_;
  const NoTokenizer tokenizer_{"images"};
};

}  // namespace

absl::Status ImageEngine::Check(const TaskRequest& request) const {
  if (request.events) {
    return absl::InvalidArgumentError("events are of sounds, and this model reads images");
  }
  if (request.task == Task::kClassify && info_.labels.empty()) {
    return absl::InvalidArgumentError(
        "this model has no classification head; ask it for embeddings, or name another model");
  }
  if (request.task == Task::kSummarize) {
    return absl::InvalidArgumentError("an image has no text to summarize; name a text model");
  }
  if (request.top_k < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("top_k is ", request.top_k, "; it must be 0 (all labels) or more"));
  }
  if (request.task == Task::kEmbed &&
      request.levels != std::vector<EmbeddingLevel>{EmbeddingLevel::kDocument}) {
    return absl::InvalidArgumentError(
        "an image has one vector; ask for the level document and no other");
  }
  return absl::OkStatus();
}

absl::StatusOr<PreparedDocument> ImageEngine::PrepareImage(std::string_view bytes,
                                                           const ImageReadOptions& options) const {
  ImageReadOptions own = options;
  own.apply_orientation = processor_.apply_orientation;
  auto image = ReadImage(bytes, own);
  if (!image.ok()) return image.status();
  auto resized = ResizeAndCrop(*image, processor_);
  if (!resized.ok()) return resized.status();
  if (absl::Status status = encoder_->CheckSize(resized->height, resized->width); !status.ok()) {
    return status;
  }
  auto prepared = std::make_shared<PreparedImage>();
  prepared->height = resized->height;
  prepared->width = resized->width;
  prepared->pixels.resize(3 * static_cast<size_t>(resized->height) *
                          static_cast<size_t>(resized->width));
  Normalize(*resized, processor_, prepared->pixels.data());
  auto tree = ReadDocument("", DocumentFormat::kPlainText);  // one node: the image
  if (!tree.ok()) return tree.status();
  return PreparedDocument{*std::move(tree), {}, std::move(prepared), nullptr};
}

absl::StatusOr<std::vector<TaskResult>> ImageEngine::Run(
    absl::Span<const WorkItem> batch, const std::function<bool()>& cancelled) const {
  const c10::InferenceMode inference;
  const AtenThreads threads(AtenThreads::Layers::kOnAten);
  std::vector<TaskResult> results(batch.size());
  std::map<std::pair<int32_t, int32_t>, std::vector<size_t>> groups;
  for (size_t i = 0; i < batch.size(); ++i) {
    const PreparedImage* const image = batch[i].document->image.get();
    results[i].status = Check(batch[i].request);
    if (results[i].status.ok() && image == nullptr) {
      results[i].status = absl::InvalidArgumentError("this model reads images, not text");
    }
    if (results[i].status.ok()) groups[{image->height, image->width}].push_back(i);
  }
  // ATen reports by exceptions; none may pass this line.
  try {
    for (const auto& [size, places] : groups) {
      absl::Status status = RunGroup(batch, places, cancelled, results);
      if (!status.ok()) return status;
    }
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("not enough memory for this batch");
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("the forward pass failed: ", error.what()));
  }
  return results;
}

absl::Status ImageEngine::RunGroup(absl::Span<const WorkItem> batch,
                                   const std::vector<size_t>& places,
                                   const std::function<bool()>& cancelled,
                                   std::vector<TaskResult>& results) const {
  const PreparedImage& first = *batch[places[0]].document->image;
  at::Tensor pixels =
      at::empty({static_cast<int64_t>(places.size()), 3, first.height, first.width}, at::kFloat);
  auto* out = pixels.mutable_data_ptr<float>();
  for (size_t place : places) {
    const std::vector<float>& own = batch[place].document->image->pixels;
    out = std::copy(own.begin(), own.end(), out);
  }
  ImageForwardOptions options;
  options.cancelled = cancelled;
  auto features = encoder_->Forward(pixels, options);
  if (!features.ok()) return features.status();
  for (size_t b = 0; b < places.size(); ++b) {
    const WorkItem& item = batch[places[b]];
    TaskResult& result = results[places[b]];
    const auto row = static_cast<int64_t>(b);
    result.tokens.num_tokens = item.document->num_tokens();
    if (item.request.task == Task::kClassify) {
      result.labels =
          RankLabels(features->logits[row], info_.labels, LabelKind::kOneOfAll, item.request.top_k);
    } else {
      Embedding& embedding = result.embeddings.emplace_back();
      embedding.node = 0;
      embedding.values = ToVector(features->pooled[row], item.request.normalize);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const Engine>> LoadImageEngine(const std::string& folder,
                                                              const std::string& config_json,
                                                              const std::string& name,
                                                              ImageEncoderLoader loader) {
  auto weights = ReadModelWeights(folder);
  if (!weights.ok()) return weights.status();
  auto encoder = loader(config_json, *weights, folder);
  if (!encoder.ok()) return encoder.status();
  const ImageEncoderInfo& own = (*encoder)->info();
  if (own.num_channels != 3) {
    return absl::UnimplementedError(absl::StrCat(folder, "/config.json: the model reads ",
                                                 own.num_channels,
                                                 " channels; image files are read as 3, RGB"));
  }
  auto processor = LoadImageProcessor(folder, own.image_height, own.image_width, own.crop_pct);
  if (!processor.ok()) return processor.status();
  ModelInfo info;
  info.architecture = own.architecture;
  info.model_type = name;
  info.input = InputKind::kImage;
  info.tasks = {Task::kEmbed, Task::kMatch};
  if (own.num_classes > 0) {
    info.tasks.push_back(Task::kClassify);
    info.labels = own.labels;
    for (int32_t i = 0; own.labels.empty() && i < own.num_classes; ++i) {
      info.labels.push_back(absl::StrCat(i));
    }
  }
  for (const auto& [key, view] : *weights) {
    info.num_parameters += view.num_elements();
    info.weight_bytes += view.size_bytes;
  }
  info.hidden_size = own.hidden_size;
  info.num_layers = own.num_layers;
  return std::make_shared<const ImageEngine>(std::move(info), *processor, *std::move(encoder));
}

}  // namespace strata::models

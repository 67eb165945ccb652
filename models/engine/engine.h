// A loaded model: documents in, task results out. What server, SDK and jobs all call.
#ifndef STRATA_MODELS_ENGINE_ENGINE_H_
#define STRATA_MODELS_ENGINE_ENGINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "models/batch/anchored_sequence.h"
#include "models/document/document_tree.h"
#include "models/engine/result.h"
#include "models/engine/weight_precision.h"
#include "models/media/audio_reader.h"
#include "models/media/byte_feed.h"
#include "models/media/image_reader.h"
#include "models/tokenizer/tokenizer.h"

namespace strata::models {

enum class InputKind : uint8_t { kText, kImage, kSound };

struct ModelInfo {
  InputKind input = InputKind::kText;
  std::string architecture;  // "HDTEncoderForSequenceClassification", ...
  std::string model_type;    // config.json: model_type
  std::string tokenizer;     // Tokenizer::kind()
  std::vector<Task> tasks;
  std::vector<std::string> labels;  // by class index; empty without a classification head
  NodeKind label_level = NodeKind::kDocument;  // what gets a label; or kSection, or kSentence
  int64_t num_parameters = 0;
  int64_t weight_bytes = 0;  // in memory
  WeightPrecision precision = WeightPrecision::kFloat32;
  int32_t hidden_size = 0;
  int32_t num_layers = 0;
  int32_t vocab_size = 0;
  // > 0: trained to match; the score of two documents is their vectors' product times this.
  double match_amplifier = 0;
};

struct LoadOptions {
  WeightPrecision precision = WeightPrecision::kFloat32;
};

// What happens to a document of more than `max_tokens` tokens.
enum class Truncation : uint8_t { kReject, kKeepHead };

struct PrepareOptions {
  int64_t max_tokens = 0;  // anchors included; 0 = no limit
  Truncation truncation = Truncation::kReject;
  // Text in front that the anchors of the document and its sections see: a question, or a mode
  // token such as "<S2S>". Empty: none. Its tokens count towards max_tokens.
  std::string query;
};

// An image as its network takes it.
struct PreparedImage {
  int32_t height = 0, width = 0;
  std::vector<float> pixels;  // [3, height, width]

  // What it counts for where batches are cut by tokens: a patch of 16 x 16 pixels is one.
  int64_t num_tokens() const { return (int64_t{height} * width + 255) / 256; }
};

// The windows of a sound that one pass looks at.
struct PreparedSound {
  std::vector<SoundWindow> windows;

  // 320 samples are one: 10 ms at 32 kHz.
  int64_t num_tokens() const {
    int64_t sum = 0;
    for (const SoundWindow& window : windows) {
      sum += (static_cast<int64_t>(window.samples.size()) + 319) / 320;
    }
    return sum;
  }
};

// A tree with its tokens: the unit that is queued and packed. Of an image or a sound: a tree of one
// node, no tokens, and its pixels or windows.
struct PreparedDocument {
  DocumentTree tree;
  AnchoredSequence sequence;
  std::shared_ptr<const PreparedImage> image;  // null: no image
  std::shared_ptr<const PreparedSound> sound;  // null: no sound

  int64_t num_tokens() const {
    return image ? image->num_tokens() : sound ? sound->num_tokens() : sequence.num_tokens();
  }
};

struct WorkItem {
  const PreparedDocument* document = nullptr;
  TaskRequest request;
  // kSummarize: told the summary's text in parts, as soon as they stand, from the thread of Run;
  // the parts joined are the text. May be null.
  std::function<void(const std::string& part)> on_text;
  // kSummarize: asked between tokens; true ends this item with CANCELLED. May be null.
  std::function<bool()> cancelled;
};

// One sound on its way through an engine: read, and computed a few windows a pass, so that a long
// one shares the machine with others, and answered when all of it was heard. Holds the file and a
// few windows, however long the sound is; of a file that is still arriving, what was not read yet.
// Not thread-safe; Next and Take alternate.
class SoundSession {
 public:
  virtual ~SoundSession() = default;
  // Reads on: the windows of the next pass, for Engine::Run. Nothing: more of the file has to
  // arrive first. Not after the last(). INVALID_ARGUMENT: a sound that is damaged or too short.
  // RESOURCE_EXHAUSTED: one that is too long. Also what its feed was closed with.
  virtual absl::StatusOr<std::optional<PreparedDocument>> Next() = 0;
  // No pass comes after the one that Next gave.
  virtual bool last() const = 0;

  // What Engine::Run said of a pass. RESOURCE_EXHAUSTED: more events than are told of one sound.
  virtual absl::Status Take(const PreparedSound& pass, const TaskResult& answer) = 0;
  // Events that have ended since the last call; those never asked for are in the answer.
  virtual std::vector<HeardEvent> TakeEvents() = 0;
  // After the last pass was taken.
  virtual TaskResult Finish() = 0;
};

// Immutable once loaded; every method is safe from many threads at once.
class Engine {
 public:
  // `folder`: config.json, tokenizer files or, of a model for images or sounds,
  // preprocessor_config.json where there is one, and weights in any form that ReadModelWeights()
  // reads and of any float type. NOT_FOUND, INVALID_ARGUMENT (names the file and the key),
  // UNIMPLEMENTED (no such architecture, or a precision that it cannot have).
  static absl::StatusOr<std::shared_ptr<const Engine>> Load(const std::string& folder,
                                                            const LoadOptions& options = {});
  virtual ~Engine() = default;

  virtual const ModelInfo& info() const = 0;
  virtual const Tokenizer& tokenizer() const = 0;

  // INVALID_ARGUMENT: a task this model has no head for, no level, a negative top_k, a summary's
  // option (named).
  virtual absl::Status Check(const TaskRequest& request) const = 0;

  // Tokens and anchors of a tree. RESOURCE_EXHAUSTED: over max_tokens under kReject, with both
  // sizes. UNIMPLEMENTED: a query that the architecture has no place for.
  virtual absl::StatusOr<PreparedDocument> Prepare(DocumentTree tree,
                                                   const PrepareOptions& options) const = 0;

  // Pixels of an encoded image (a file's bytes). Errors as ReadImage. INVALID_ARGUMENT: this model
  // reads text; an image that cannot be brought to a size it takes.
  virtual absl::StatusOr<PreparedDocument> PrepareImage(std::string_view /*bytes*/,
                                                        const ImageReadOptions& /*options*/) const {
    return absl::InvalidArgumentError("this model does not read images");
  }

  // A sound's way through this model. `feed`, if not null, stands for `bytes`: a file that is still
  // arriving, of which enough is there (CanBeHeardAsItArrives). Errors as AudioReader::Open.
  // INVALID_ARGUMENT: this model hears no sounds; what Check refuses.
  virtual absl::StatusOr<std::unique_ptr<SoundSession>> OpenSound(
      std::string /*bytes*/, std::shared_ptr<ByteFeed> /*feed*/,
      const AudioReadOptions& /*options*/, const TaskRequest& /*request*/) const {
    return absl::InvalidArgumentError("this model hears no sounds");
  }

  // One packed pass over the whole batch, no padding; results in order, each with its own status.
  // A document's answer is bit-equal alone, in any batch and for any number of threads where the
  // encoder runs on the kernels (HDT); else it may differ by float rounding. `cancelled` (may be
  // null) is asked between layers; if it says true the call ends with CANCELLED.
  virtual absl::StatusOr<std::vector<TaskResult>> Run(
      absl::Span<const WorkItem> batch, const std::function<bool()>& cancelled) const = 0;
};

// Threads that all engines of this process compute with; call before the first Run. 0 = all cores
// this process may use.
void SetComputeThreads(int num_threads);

}  // namespace strata::models

#endif  // STRATA_MODELS_ENGINE_ENGINE_H_

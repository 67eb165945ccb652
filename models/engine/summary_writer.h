// Writes summaries with a model's decoder, many documents of a batch at once.
#ifndef STRATA_MODELS_ENGINE_SUMMARY_WRITER_H_
#define STRATA_MODELS_ENGINE_SUMMARY_WRITER_H_

#include <ATen/ATen.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "models/batch/packed_batch.h"
#include "models/engine/engine.h"
#include "models/generate/generation_options.h"
#include "models/layers/sequence_decoder.h"
#include "models/tokenizer/tokenizer.h"

namespace strata::models {

// Immutable; thread-safe. Decoder and tokenizer must outlive it.
class SummaryWriter {
 public:
  // Reads the model's own settings from config.json and, if there is one, generation_config.json.
  // INVALID_ARGUMENT, UNIMPLEMENTED: a setting (named) that cannot be, or is not there.
  static absl::StatusOr<SummaryWriter> Load(const std::string& folder,
                                            const std::string& config_json,
                                            const SequenceDecoder& decoder,
                                            const Tokenizer& tokenizer);

  // INVALID_ARGUMENT names the option.
  absl::Status Check(const WritingOptions& options) const;

  // One document of an encoded batch.
  struct Job {
    const WorkItem* item;
    int64_t document;    // in the batch, ascending from job to job
    TaskResult* result;  // gets its summary, or a status
  };
  // CANCELLED, and nothing is meant, if `cancelled` says so between two tokens.
  absl::Status Write(const at::Tensor& states, const PackedBatch& batch, absl::Span<const Job> jobs,
                     const std::function<bool()>& cancelled) const;

 private:
  SummaryWriter(GenerationOptions defaults, const SequenceDecoder& decoder,
                const Tokenizer& tokenizer)
      : defaults_(std::move(defaults)), decoder_(&decoder), tokenizer_(&tokenizer) {}

  GenerationOptions OptionsFor(const WritingOptions& options) const;

  GenerationOptions defaults_;
  const SequenceDecoder* decoder_;
  const Tokenizer* tokenizer_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_ENGINE_SUMMARY_WRITER_H_

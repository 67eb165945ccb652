#include "models/verify/smith_verify.h"

#include <ATen/core/grad_mode.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/batch/packed_batch.h"
#include "models/smith/smith.h"
#include "models/smith/smith_objectives.h"

namespace strata::models {
namespace {

// One side of the pairs: the reference's rows, packed, and where each row belongs.
struct Side {
  std::vector<AnchoredSequence> sequences;  // [B]
  at::Tensor token_mask;                    // [B, loop, L] bool
  at::Tensor block_mask;                    // [B, loop] bool
};

// Tokens of one block; those that the mask hides are left out and keep their place.
void AppendBlock(const int64_t* ids, const bool* mask, int32_t length, int32_t number,
                 bool take_hidden, AnchoredSequence& sequence) {
  const auto root = static_cast<int32_t>(sequence.num_tokens());
  for (int32_t place = 0; place < length; ++place) {
    if (!mask[place] && !take_hidden) continue;
    sequence.Append(static_cast<int32_t>(ids[place]),
                    place == 0 ? TokenRole::kSentenceAnchor : TokenRole::kWord,
                    place == 0 ? -1 : root, {place, number, 0}, -1, {});
  }
}

// INVALID_ARGUMENT: a shape that the configuration does not ask for. UNIMPLEMENTED: masks that no
// preprocessing of the reference makes.
absl::StatusOr<Side> ReadSide(const GoldenCase& golden, const SmithConfig& config, int number) {
  auto given_ids = golden.Input(absl::StrCat("input_ids_", number));
  if (!given_ids.ok()) return given_ids.status();
  auto given_mask = golden.Input(absl::StrCat("input_mask_", number));
  if (!given_mask.ok()) return given_mask.status();
  const int64_t length = config.max_sent_length_by_word, loop = config.loop_sent_number_per_doc;
  const int64_t width = length * config.max_doc_length_by_sentence;
  if (given_ids->dim() != 2 || given_ids->size(1) != width ||
      given_mask->sizes() != given_ids->sizes()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "input_ids_", number, " and input_mask_", number,
        " must be [B, max_doc_length_by_sentence · max_sent_length_by_word = ", width, "]"));
  }
  const int64_t documents = given_ids->size(0);
  const auto blocks = [&](const at::Tensor& rows) {
    return rows.narrow(1, 0, loop * length).view({documents, loop, length}).contiguous();
  };
  const at::Tensor ids = blocks(given_ids->to(at::kLong).contiguous());
  Side side;
  side.token_mask = blocks(given_mask->contiguous() != 0);
  side.block_mask = side.token_mask.any(-1);
  for (int64_t b = 0; b < documents; ++b) {
    AnchoredSequence& sequence = side.sequences.emplace_back();
    // A document of padding alone attends as if nothing were hidden, at both levels.
    const bool is_empty = !side.block_mask[b].any().item<bool>();
    for (int64_t j = 0; j < loop; ++j) {
      const bool is_padding = !side.block_mask[b][j].item<bool>();
      const at::Tensor block = ids[b][j];
      if (is_padding && !(block == config.pad_token_id).all().item<bool>()) {
        return absl::UnimplementedError(
            absl::StrCat("document ", b, ": padding block ", j, " holds words"));
      }
      const bool* mask = side.token_mask[b][j].const_data_ptr<bool>();
      if (!is_empty && (j == 0 || !is_padding) && !mask[0]) {
        return absl::UnimplementedError(
            absl::StrCat("document ", b, ": the first token of block ", j, " is masked"));
      }
      if (is_padding && !is_empty) continue;
      AppendBlock(block.const_data_ptr<int64_t>(), mask, static_cast<int32_t>(length),
                  static_cast<int32_t>(j), is_empty, sequence);
    }
  }
  return side;
}

// Packed rows [n, C] at the places of a bool mask [...], zeros elsewhere: [..., C].
at::Tensor Unpack(const at::Tensor& packed, const at::Tensor& mask) {
  std::vector<int64_t> shape = mask.sizes().vec();
  shape.push_back(packed.size(1));
  at::Tensor padded = at::zeros(shape);
  padded.index_put_({mask}, packed);
  return padded;
}

// Rows of the packed batch that belong to a document of `side`; an empty document's are left out,
// as its mask does.
void CompareSide(const SmithOutput& output, const PackedBatch& batch, const Side& side,
                 int64_t first_document, int number, Comparison& comparison) {
  std::vector<int64_t> tokens, blocks;
  const auto documents = static_cast<int64_t>(side.sequences.size());
  for (int64_t b = 0; b < documents; ++b) {
    if (!side.block_mask[b].any().item<bool>()) continue;
    const int64_t document = first_document + b;
    for (int32_t t = batch.cu_seqlens[document]; t < batch.cu_seqlens[document + 1]; ++t) {
      tokens.push_back(t);
    }
    for (int32_t s = output.first_block[document]; s < output.first_block[document + 1]; ++s) {
      blocks.push_back(s);
    }
  }
  const auto rows_of = [](const at::Tensor& packed, const std::vector<int64_t>& rows) {
    return packed.index_select(0, at::tensor(rows, at::kLong));
  };
  const auto name = [&](const char* what) { return absl::StrCat(what, "_", number); };
  comparison.Compare(name("block_mask"), side.block_mask.to(at::kFloat));
  comparison.Compare(name("sentence_states"),
                     Unpack(rows_of(output.states, tokens), side.token_mask), side.token_mask);
  comparison.Compare(name("block_representations"),
                     Unpack(rows_of(output.blocks, blocks), side.block_mask), side.block_mask);
  comparison.Compare(name("contextual_blocks"),
                     Unpack(rows_of(output.contextual, blocks), side.block_mask), side.block_mask);
  comparison.Compare(name("document_representation"),
                     output.documents.narrow(0, first_document, documents));
}

}  // namespace

absl::Status VerifySmith(const GoldenCase& golden, Comparison& comparison) {
  const at::NoGradGuard no_grad;
  auto config = ParseSmithConfig(golden.config_json, absl::StrCat(golden.folder, "/config.json"));
  if (!config.ok()) return config.status();
  auto model = Smith::Load(*config, golden.weights, nullptr, golden.folder);
  if (!model.ok()) return model.status();
  // As it is served.
  if (absl::Status packed = model->PackForInference(); !packed.ok()) return packed;
  auto first = ReadSide(golden, *config, 1);
  if (!first.ok()) return first.status();
  auto second = ReadSide(golden, *config, 2);
  if (!second.ok()) return second.status();
  if (first->sequences.size() != second->sequences.size()) {
    return absl::InvalidArgumentError("input_ids_1 and input_ids_2 are of different lengths");
  }
  // One set of weights: both towers are one batch.
  std::vector<const AnchoredSequence*> sequences;
  for (const Side* side : {&*first, &*second}) {
    for (const AnchoredSequence& sequence : side->sequences) sequences.push_back(&sequence);
  }
  auto batch = Pack(sequences);
  if (!batch.ok()) return batch.status();
  SmithForwardOptions options;
  options.want_states = true;
  auto output = model->Forward(*batch, options);
  if (!output.ok()) return output.status();
  const auto pairs = static_cast<int64_t>(first->sequences.size());
  CompareSide(*output, *batch, *first, 0, 1, comparison);
  CompareSide(*output, *batch, *second, pairs, 2, comparison);
  const at::Tensor logits = model->MatchLogits(output->documents.narrow(0, 0, pairs),
                                               output->documents.narrow(0, pairs, pairs));
  comparison.Compare("logits", logits);
  comparison.Compare("probability", at::sigmoid(logits));
  if (golden.input.contains("documents_match_labels")) {
    auto labels = golden.Input("documents_match_labels");
    if (!labels.ok()) return labels.status();
    comparison.Compare("siamese_loss", SmithMatchLoss(*config, logits, labels->reshape({-1})));
  }
  return absl::OkStatus();
}

}  // namespace strata::models

#include "models/verify/hdt_generation_verify.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/generate/generate.h"
#include "models/hdt/hdt.h"
#include "models/hdt/hdt_decoder.h"
#include "models/verify/hdt_case_input.h"
#include "models/verify/training_case.h"

namespace strata::models {
namespace {

// Everything that a case of this class is made of.
struct EncoderDecoderCase {
  const GoldenCase& golden;
  Comparison& comparison;
  Hdt& encoder;
  HdtDecoder& decoder;
  const HdtCaseInput& input;
  const PackedBatch& batch;

  bool Has(const char* name) const { return golden.input.contains(name); }
  int64_t num_documents() const { return std::ssize(input.sequences); }
};

bool IsGenerated(const GoldenCase& golden) {
  return golden.description.contains("generate_arguments");
}

absl::StatusOr<GenerationOptions> OptionsOf(const GoldenCase& golden, const HdtConfig& config) {
  const DecoderTokens tokens{config.decoder_start_token_id, config.eos_token_id,
                             config.pad_token_id};
  auto defaults = ModelGenerationOptions(tokens, golden.config_json, golden.folder);
  if (!defaults.ok()) return defaults.status();
  GenerationOptions options = *std::move(defaults);
  const absl::Status status = ReadGenerationOptions(golden.description["generate_arguments"].dump(),
                                                    "case.json: generate_arguments", options);
  if (!status.ok()) return status;
  if (options.do_sample) {
    return absl::UnimplementedError(
        "case.json: generate_arguments: do_sample: what a case draws depends on the state of its "
        "generator, which no case gives");
  }
  return options;
}

// The case's attention_mask [B, n]. generate() makes one where it is given none, unless padding
// would also end a sequence. Undefined: all is attended to.
absl::StatusOr<at::Tensor> AttentionMask(const GoldenCase& golden, const HdtConfig& config) {
  if (golden.input.contains("attention_mask")) return golden.Input("attention_mask");
  if (!IsGenerated(golden)) return at::Tensor();
  auto options = OptionsOf(golden, config);
  if (!options.ok()) return options.status();
  const std::vector<int32_t>& ends = options->eos_token_id;
  if (!options->pad_token_id || std::ranges::find(ends, *options->pad_token_id) != ends.end()) {
    return at::Tensor();
  }
  auto ids = golden.Input("input_ids");
  if (!ids.ok()) return ids.status();
  return *ids != *options->pad_token_id;
}

// Which of the reference's rows [B, n] (or [B, anchors]) the decoder may look at: bool, or
// undefined where it may look at all.
absl::StatusOr<at::Tensor> Visible(const EncoderDecoderCase& c, int64_t rows) {
  const bool own = c.Has("encoder_attention_mask");
  const char* name = own ? "encoder_attention_mask" : "attention_mask";
  auto mask = own ? c.golden.Input(name) : AttentionMask(c.golden, c.decoder.config());
  if (!mask.ok() || !mask->defined()) return mask;
  if (mask->dim() != 2 || mask->size(0) != c.num_documents() || mask->size(1) != rows) {
    return absl::InvalidArgumentError(
        absl::StrCat("input '", name, "' has shape ", ShapeString(mask->sizes().vec()),
                     ", the decoder sees ", rows, " rows of each document"));
  }
  return *mask != 0;
}

// Encoder states in the reference's layout [B, n, d]. Attention leaves a hierarchical model's
// padding alone, so one state serves all of it; a flat model's is among the tokens.
at::Tensor PaddedStates(const EncoderDecoderCase& c, const at::Tensor& packed) {
  const at::Tensor padded = Unpack(packed, c.input);
  if (!c.encoder.config().is_hierarchical) return padded;
  return at::where(c.input.real.unsqueeze(-1), padded, c.encoder.PaddingState());
}

struct Memory {
  at::Tensor states;  // [B, m, d]: what the reference gives the decoder
  EncoderMemory memory;
};

absl::StatusOr<Memory> MemoryOf(const EncoderDecoderCase& c, const at::Tensor& packed) {
  Memory result;
  result.states = PaddedStates(c, packed);
  if (c.decoder.config().decode_anchor_tokens) {
    auto anchors = c.golden.Input("anchor_tokens");
    if (!anchors.ok()) return anchors.status();
    if (anchors->sizes() != c.input.real.sizes()) {
      return absl::InvalidArgumentError(
          absl::StrCat("input 'anchor_tokens' has shape ", ShapeString(anchors->sizes().vec()),
                       ", input_ids has ", ShapeString(c.input.real.sizes().vec())));
    }
    const at::Tensor chosen = *anchors != 0;
    const at::Tensor counts = chosen.sum(1);
    if (counts.min().item<int64_t>() != counts.max().item<int64_t>()) {
      return absl::InvalidArgumentError(
          "input 'anchor_tokens' chooses different numbers of rows from the documents");
    }
    const std::vector<int64_t> shape{c.num_documents(), counts[0].item<int64_t>()};
    result.states = result.states.index({chosen}).view({shape[0], shape[1], -1});
  }
  auto visible = Visible(c, result.states.size(1));
  if (!visible.ok()) return visible.status();
  if (!visible->defined())
    *visible = at::ones({c.num_documents(), result.states.size(1)}, at::kBool);
  std::vector<at::Tensor> rows;
  result.memory.cu_seqlens = {0};
  for (int64_t b = 0; b < c.num_documents(); ++b) {
    rows.push_back(result.states[b].index({(*visible)[b]}));
    result.memory.cu_seqlens.push_back(result.memory.cu_seqlens.back() + rows.back().size(0));
  }
  result.memory.states = at::cat(rows, 0);
  return result;
}

// Rows [B, t] of equal length as targets; "decoder_attention_mask" hides tokens where the case has
// it.
absl::StatusOr<HdtTargets> TargetsOf(const EncoderDecoderCase& c, const at::Tensor& ids) {
  HdtTargets targets;
  const at::Tensor flat = ids.to(at::kInt).contiguous().view({-1});
  targets.token_ids.assign(flat.const_data_ptr<int32_t>(),
                           flat.const_data_ptr<int32_t>() + flat.numel());
  for (int64_t b = 0; b <= ids.size(0); ++b) targets.cu_seqlens.push_back(b * ids.size(1));
  if (c.Has("decoder_attention_mask")) {
    auto mask = c.golden.Input("decoder_attention_mask");
    if (!mask.ok()) return mask.status();
    if (mask->sizes() != ids.sizes()) {
      return absl::InvalidArgumentError("decoder_attention_mask and decoder ids differ in shape");
    }
    targets.hidden = (*mask == 0).view({-1});
  }
  return targets;
}

// Decoder ids of a teacher-forced pass: given, or the labels moved to the right. [B, t]
absl::StatusOr<at::Tensor> DecoderIds(const EncoderDecoderCase& c) {
  if (c.Has("decoder_input_ids")) return c.golden.Input("decoder_input_ids");
  auto labels = c.golden.Input("labels");
  if (!labels.ok()) return labels.status();
  if (c.decoder.config().decoder_start_token_id < 0) {
    return absl::InvalidArgumentError("config.json names no bos_token_id to start decoding with");
  }
  std::vector<at::Tensor> rows;
  for (int64_t b = 0; b < labels->size(0); ++b) {
    const at::Tensor row = (*labels)[b].to(at::kInt).contiguous();
    const int32_t* first = row.const_data_ptr<int32_t>();
    rows.push_back(at::tensor(
        HdtShiftRight(c.decoder.config(), std::vector<int32_t>(first, first + row.numel()))));
  }
  return at::stack(rows);
}

// [B, t, V] of a teacher-forced pass.
absl::StatusOr<at::Tensor> TeacherForced(const EncoderDecoderCase& c, const at::Tensor& ids,
                                         const EncoderMemory& memory) {
  auto targets = TargetsOf(c, ids);
  if (!targets.ok()) return targets.status();
  auto states = c.decoder.Forward(*targets, memory);
  if (!states.ok()) return states.status();
  return c.decoder.Logits(*states).view({ids.size(0), ids.size(1), -1});
}

absl::StatusOr<at::Tensor> Loss(const EncoderDecoderCase& c, const at::Tensor& logits) {
  auto labels = c.golden.Input("labels");
  if (!labels.ok()) return labels.status();
  return at::cross_entropy_loss(logits.flatten(0, 1), labels->to(at::kLong).flatten());
}

absl::Status CompareTeacherForced(const EncoderDecoderCase& c, const EncoderMemory& memory) {
  auto ids = DecoderIds(c);
  if (!ids.ok()) return ids.status();
  auto logits = TeacherForced(c, *ids, memory);
  if (!logits.ok()) return logits.status();
  c.comparison.Compare("logits", *logits);
  if (c.comparison.Expects("loss")) {
    auto loss = Loss(c, *logits);
    if (!loss.ok()) return loss.status();
    c.comparison.Compare("loss", *loss);
  }
  return absl::OkStatus();
}

// Sequences as rows of one width, filled with `pad`.
at::Tensor PadSequences(const std::vector<GenerationOutput>& outputs, int32_t pad) {
  size_t width = 0;
  for (const GenerationOutput& output : outputs) {
    for (const GeneratedSequence& s : output.sequences) width = std::max(width, s.token_ids.size());
  }
  std::vector<at::Tensor> rows;
  for (const GenerationOutput& output : outputs) {
    for (const GeneratedSequence& sequence : output.sequences) {
      std::vector<int32_t> ids = sequence.token_ids;
      ids.resize(width, pad);
      rows.push_back(at::tensor(ids, at::kLong));
    }
  }
  return at::stack(rows);
}

absl::StatusOr<std::vector<GenerationOutput>> Run(const EncoderDecoderCase& c,
                                                  const GenerationOptions& options,
                                                  const EncoderMemory& memory) {
  auto ids = c.golden.Input("input_ids");
  if (!ids.ok()) return ids.status();
  at::Tensor prompts;
  if (c.Has("decoder_input_ids")) {
    auto given = c.golden.Input("decoder_input_ids");
    if (!given.ok()) return given.status();
    prompts = given->to(at::kInt);
  }
  std::vector<GenerationInput> inputs;
  for (int64_t b = 0; b < c.num_documents(); ++b) {
    GenerationInput& input = inputs.emplace_back();
    input.search.options = options;
    input.search.prompt = options.decoder_start_token_id;
    if (prompts.defined()) {
      const at::Tensor row = prompts[b].contiguous();
      const int32_t* first = row.const_data_ptr<int32_t>();
      // The library puts the start token in front of a prompt that lacks it.
      if (*first == options.decoder_start_token_id.at(0)) input.search.prompt.clear();
      input.search.prompt.insert(input.search.prompt.end(), first, first + row.numel());
    }
    // The library looks at the padded row.
    const at::Tensor row = (*ids)[b].to(at::kInt).contiguous();
    input.search.encoder_ids.assign(row.const_data_ptr<int32_t>(),
                                    row.const_data_ptr<int32_t>() + row.numel());
    input.search.keep_step_logits = options.num_beams == 1;
  }
  auto outputs = Generate(c.decoder, memory, inputs, nullptr);
  if (!outputs.ok()) return outputs.status();
  for (const GenerationOutput& output : *outputs) {
    if (!output.status.ok()) return output.status;
  }
  return outputs;
}

// step_logits [B, steps, V] count up to the step that chose a row's end token.
void CompareStepLogits(const EncoderDecoderCase& c, const std::vector<GenerationOutput>& outputs) {
  int64_t steps = 0;
  for (const GenerationOutput& output : outputs) {
    steps = std::max(steps, output.step_logits.size(0));
  }
  const auto documents = std::ssize(outputs);
  at::Tensor logits = at::zeros({documents, steps, c.decoder.vocab_size()});
  at::Tensor counts = at::zeros({documents, steps}, at::kBool);
  for (int64_t b = 0; b < documents; ++b) {
    const at::Tensor& own = outputs[static_cast<size_t>(b)].step_logits;
    logits[b].narrow(0, 0, own.size(0)).copy_(own);
    counts[b].narrow(0, 0, own.size(0)).fill_(true);
  }
  c.comparison.Compare("step_logits", logits, counts);
}

// generate() of the library.
absl::Status CompareGenerated(const EncoderDecoderCase& c, const EncoderMemory& memory) {
  auto options = OptionsOf(c.golden, c.decoder.config());
  if (!options.ok()) return options.status();
  auto outputs = Run(c, *options, memory);
  if (!outputs.ok()) return outputs.status();
  const int32_t pad = options->pad_token_id           ? *options->pad_token_id
                      : options->eos_token_id.empty() ? 0
                                                      : options->eos_token_id[0];
  auto expected = c.golden.Output("sequences");
  if (!expected.ok()) return expected.status();
  c.comparison.CompareExactly("sequences", PadSequences(*outputs, pad), *expected);
  if (c.comparison.Expects("sequences_scores")) {
    std::vector<double> scores;
    for (const GenerationOutput& output : *outputs) {
      for (const GeneratedSequence& sequence : output.sequences) scores.push_back(sequence.score);
    }
    c.comparison.Compare("sequences_scores", at::tensor(scores, at::kDouble));
  }
  if (c.comparison.Expects("step_logits") && options->num_beams == 1) {
    CompareStepLogits(c, *outputs);
  }
  return absl::OkStatus();
}

// A plain loop of `steps` best tokens that no end token stops, and the same tokens in one pass.
absl::Status CompareGreedy(const EncoderDecoderCase& c, const EncoderMemory& memory) {
  GenerationOptions options;
  options.max_new_tokens = c.golden.description["steps"].get<int32_t>();
  options.decoder_start_token_id = {c.decoder.config().decoder_start_token_id};
  auto outputs = Run(c, options, memory);
  if (!outputs.ok()) return outputs.status();
  const at::Tensor ids = PadSequences(*outputs, c.decoder.config().pad_token_id);
  if (c.comparison.Expects("decoder_input_ids")) {
    auto expected = c.golden.Output("decoder_input_ids");
    if (!expected.ok()) return expected.status();
    c.comparison.CompareExactly("decoder_input_ids", ids, *expected);
  }
  CompareStepLogits(c, *outputs);
  if (!c.comparison.Expects("full_logits")) return absl::OkStatus();
  auto logits = TeacherForced(c, ids.narrow(1, 0, ids.size(1) - 1), memory);
  if (!logits.ok()) return logits.status();
  c.comparison.Compare("full_logits", *logits);
  return absl::OkStatus();
}

absl::Status CompareTrained(const EncoderDecoderCase& c) {
  auto ids = DecoderIds(c);
  if (!ids.ok()) return ids.status();
  std::vector<WeightEntry> table = c.encoder.Table();
  for (WeightEntry& entry : c.decoder.Table()) table.push_back(std::move(entry));
  const auto loss = [&]() -> absl::StatusOr<at::Tensor> {
    auto states = c.encoder.Forward(c.batch, {.hidden = c.input.hidden});
    if (!states.ok()) return states.status();
    auto memory = MemoryOf(c, *states);
    if (!memory.ok()) return memory.status();
    auto logits = TeacherForced(c, *ids, memory->memory);
    if (!logits.ok()) return logits.status();
    return Loss(c, *logits);
  };
  return CompareTraining(c.golden, table, loss, c.comparison);
}

absl::Status CompareInference(const EncoderDecoderCase& c) {
  const at::NoGradGuard no_grad;
  auto states = c.encoder.Forward(c.batch, {.hidden = c.input.hidden});
  if (!states.ok()) return states.status();
  auto memory = MemoryOf(c, *states);
  if (!memory.ok()) return memory.status();
  c.comparison.Compare("encoder_last_hidden_state", memory->states,
                       c.decoder.config().decode_anchor_tokens ? at::Tensor() : c.input.real);
  if (IsGenerated(c.golden)) return CompareGenerated(c, memory->memory);
  if (c.golden.description.contains("steps")) return CompareGreedy(c, memory->memory);
  return CompareTeacherForced(c, memory->memory);
}

}  // namespace

absl::Status VerifyHdtGeneration(const GoldenCase& golden, Comparison& comparison) {
  auto config = ParseHdtConfig(golden.config_json, absl::StrCat(golden.folder, "/config.json"));
  if (!config.ok()) return config.status();
  auto encoder = Hdt::Load(*config, HdtHeads{}, golden.weights, nullptr, golden.folder);
  if (!encoder.ok()) return encoder.status();
  auto decoder =
      HdtDecoder::Load(*config, encoder->weights().shared, golden.weights, golden.folder);
  if (!decoder.ok()) return decoder.status();
  auto mask = AttentionMask(golden, *config);
  if (!mask.ok()) return mask.status();
  auto input = ReadHdtCaseInput(golden, *config, *mask);
  if (!input.ok()) return input.status();
  auto batch = PackInput(*input);
  if (!batch.ok()) return batch.status();
  const EncoderDecoderCase c{golden, comparison, *encoder, *decoder, *input, *batch};
  absl::Status status =
      golden.description.contains("training") ? CompareTrained(c) : CompareInference(c);
  if (!status.ok()) return status;
  return CompareHdtTexts(golden, *input, comparison);
}

}  // namespace strata::models

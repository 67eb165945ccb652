#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "models/generate/generation_options.h"
#include "models/layers/config_fields.h"

namespace strata::models {
namespace {

using Json = nlohmann::json;

// An option that may be absent: null takes it away.
void OptionalSize(ConfigFields& fields, const char* name, std::optional<int32_t>& value) {
  if (fields.IsNull(name)) value.reset();
  if (fields.Find(name) == nullptr) return;
  int32_t number = 0;
  fields.Size(name, 0, number);
  value = number;
}

int32_t Id(ConfigFields& fields, const char* name, const Json& field) {
  if (field.is_number_integer()) {
    const auto id = field.get<int64_t>();
    if (id >= 0 && id <= std::numeric_limits<int32_t>::max()) return static_cast<int32_t>(id);
  }
  fields.Fail(name, "holds what is no token id");
  return 0;
}

std::vector<int32_t> IdList(ConfigFields& fields, const char* name, const Json& field) {
  std::vector<int32_t> ids;
  if (!field.is_array()) {
    fields.Fail(name, "is not a list of token ids");
    return ids;
  }
  for (const Json& id : field) ids.push_back(Id(fields, name, id));
  return ids;
}

// One id or a list of them.
void Ids(ConfigFields& fields, const char* name, std::vector<int32_t>& ids) {
  if (fields.IsNull(name)) ids.clear();
  const Json* field = fields.Find(name);
  if (field == nullptr) return;
  ids = field->is_array() ? IdList(fields, name, *field)
                          : std::vector<int32_t>{Id(fields, name, *field)};
}

void IdLists(ConfigFields& fields, const char* name, std::vector<std::vector<int32_t>>& lists) {
  if (fields.IsNull(name)) lists.clear();
  const Json* field = fields.Find(name);
  if (field == nullptr) return;
  if (!field->is_array()) return fields.Fail(name, "is not a list of lists of token ids");
  lists.clear();
  for (const Json& list : *field) lists.push_back(IdList(fields, name, list));
}

void ForcedIds(ConfigFields& fields, GenerationOptions& options) {
  std::vector<std::vector<int32_t>> pairs;
  IdLists(fields, "forced_decoder_ids", pairs);
  if (fields.Find("forced_decoder_ids") || fields.IsNull("forced_decoder_ids")) {
    options.forced_decoder_ids.clear();
  }
  for (const std::vector<int32_t>& pair : pairs) {
    if (pair.size() != 2) {
      return fields.Fail("forced_decoder_ids", "holds an entry that is no [position, token] pair");
    }
    options.forced_decoder_ids.emplace_back(pair[0], pair[1]);
  }
}

void ReadEarlyStopping(ConfigFields& fields, EarlyStopping& value) {
  const Json* field = fields.Find("early_stopping");
  if (field == nullptr) return;
  if (field->is_boolean()) {
    value = field->get<bool>() ? EarlyStopping::kAtOnce : EarlyStopping::kHeuristic;
  } else if (field->is_string() && field->get<std::string>() == "never") {
    value = EarlyStopping::kNever;
  } else {
    fields.Fail("early_stopping", "is none of true, false, \"never\"");
  }
}

// In Python a dict from tuples to numbers; JSON has it as [[ids, bias], ...] or {"(1, 2)": bias}.
void ReadSequenceBias(ConfigFields& fields, std::vector<TokenBias>& biases) {
  const char* const kName = "sequence_bias";
  const char* const kWhat = "is no list of [token ids, bias] pairs";
  const Json* field = fields.Find(kName);
  if (field != nullptr || fields.IsNull(kName)) biases.clear();
  if (field == nullptr) return;
  if (field->is_array()) {
    for (const Json& pair : *field) {
      if (!pair.is_array() || pair.size() != 2 || !pair[1].is_number()) {
        return fields.Fail(kName, kWhat);
      }
      biases.push_back({IdList(fields, kName, pair[0]), pair[1].get<float>()});
    }
    return;
  }
  if (!field->is_object()) return fields.Fail(kName, kWhat);
  for (const auto& [key, bias] : field->items()) {
    if (!bias.is_number()) return fields.Fail(kName, kWhat);
    TokenBias& entry = biases.emplace_back();
    entry.bias = bias.get<float>();
    for (absl::string_view part :
         absl::StrSplit(key, absl::ByAnyChar("(),[] "), absl::SkipEmpty())) {
      if (!absl::SimpleAtoi(part, &entry.sequence.emplace_back())) {
        return fields.Fail(kName, kWhat);
      }
    }
  }
}

void ReadExponentialDecay(ConfigFields& fields, GenerationOptions& options) {
  const char* const kName = "exponential_decay_length_penalty";
  if (fields.IsNull(kName)) options.exponential_decay_length_penalty.reset();
  const Json* field = fields.Find(kName);
  if (field == nullptr) return;
  if (!field->is_array() || field->size() != 2 || !(*field)[1].is_number()) {
    return fields.Fail(kName, "is no [start, factor] pair");
  }
  const int32_t start = Id(fields, kName, (*field)[0]);
  options.exponential_decay_length_penalty.emplace(start, (*field)[1].get<double>());
}

// Settings of the library that would change the result and are not there.
absl::Status RefuseMissing(ConfigFields& fields, const std::string& where) {
  const auto missing = [&](const char* name, const char* what) {
    return absl::UnimplementedError(absl::StrCat(where, ": ", name, ": ", what, " is not there"));
  };
  const std::pair<const char*, const char*> names[] = {
      {"constraints", "constrained beam search"},
      {"force_words_ids", "constrained beam search"},
      {"prompt_lookup_num_tokens", "assisted generation"},
      {"assistant_model", "assisted generation"},
      {"negative_prompt_ids", "classifier-free guidance"},
      {"prefix_allowed_tokens_fn", "constrained generation"},
      {"logits_processor", "a processor of the caller's own"},
      {"stopping_criteria", "a criterion of the caller's own"},
      {"max_time", "a limit of time; set a deadline instead, it"}};
  for (const auto& [name, what] : names) {
    if (fields.Find(name) != nullptr) return missing(name, what);
  }
  double penalty_alpha = 0, guidance_scale = 1;
  fields.Number("penalty_alpha", penalty_alpha);
  if (penalty_alpha > 0) return missing("penalty_alpha", "contrastive search");
  fields.Number("guidance_scale", guidance_scale);
  if (guidance_scale != 1) return missing("guidance_scale", "classifier-free guidance");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<GenerationOptions> ModelGenerationOptions(const DecoderTokens& tokens,
                                                         const std::string& config_json,
                                                         const std::string& folder) {
  const std::filesystem::path root(folder);
  GenerationOptions options;
  if (tokens.end >= 0) options.eos_token_id = {tokens.end};
  if (tokens.padding >= 0) options.pad_token_id = tokens.padding;
  absl::Status status =
      ReadGenerationOptions(config_json, (root / "config.json").string(), options);
  if (!status.ok()) return status;
  // Where decoding starts is the architecture's to say, whatever its config.json holds.
  options.decoder_start_token_id.clear();
  if (tokens.start >= 0) options.decoder_start_token_id = {tokens.start};
  const std::filesystem::path own = root / "generation_config.json";
  if (std::ifstream stream(own, std::ios::binary); stream) {
    const std::string json(std::istreambuf_iterator<char>(stream), {});
    status = ReadGenerationOptions(json, own.string(), options);
    if (!status.ok()) return status;
  }
  return options;
}

absl::Status ReadGenerationOptions(const std::string& json, const std::string& where,
                                   GenerationOptions& options) {
  ConfigFields fields(json, where);
  fields.Size("max_length", 0, options.max_length);
  OptionalSize(fields, "max_new_tokens", options.max_new_tokens);
  fields.Size("min_length", 0, options.min_length);
  OptionalSize(fields, "min_new_tokens", options.min_new_tokens);
  fields.Flag("do_sample", options.do_sample);
  fields.Size("num_beams", 1, options.num_beams);
  fields.Size("num_beam_groups", 1, options.num_beam_groups);
  fields.Size("num_return_sequences", 1, options.num_return_sequences);
  fields.Number("length_penalty", options.length_penalty);
  ReadEarlyStopping(fields, options.early_stopping);
  fields.Number("diversity_penalty", options.diversity_penalty);
  fields.Number("temperature", options.temperature);
  fields.Size("top_k", 0, options.top_k);
  fields.Number("top_p", options.top_p);
  fields.Number("typical_p", options.typical_p);
  fields.Number("epsilon_cutoff", options.epsilon_cutoff);
  fields.Number("eta_cutoff", options.eta_cutoff);
  fields.Number("repetition_penalty", options.repetition_penalty);
  fields.Number("encoder_repetition_penalty", options.encoder_repetition_penalty);
  fields.Size("no_repeat_ngram_size", 0, options.no_repeat_ngram_size);
  fields.Size("encoder_no_repeat_ngram_size", 0, options.encoder_no_repeat_ngram_size);
  IdLists(fields, "bad_words_ids", options.bad_words_ids);
  ReadSequenceBias(fields, options.sequence_bias);
  Ids(fields, "suppress_tokens", options.suppress_tokens);
  Ids(fields, "begin_suppress_tokens", options.begin_suppress_tokens);
  OptionalSize(fields, "forced_bos_token_id", options.forced_bos_token_id);
  Ids(fields, "forced_eos_token_id", options.forced_eos_token_id);
  ForcedIds(fields, options);
  ReadExponentialDecay(fields, options);
  fields.Flag("remove_invalid_values", options.remove_invalid_values);
  fields.Flag("renormalize_logits", options.renormalize_logits);
  Ids(fields, "decoder_start_token_id", options.decoder_start_token_id);
  Ids(fields, "eos_token_id", options.eos_token_id);
  OptionalSize(fields, "pad_token_id", options.pad_token_id);
  if (!fields.status().ok()) return fields.status();
  return RefuseMissing(fields, where);
}

}  // namespace strata::models

#include "models/engine/summary_writer.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/generate/generate.h"
#include "models/tokenizer/growing_text.h"

namespace strata::models {
namespace {

constexpr int32_t kLibraryMaxLength = 20;  // the library's default, which no summary is meant by
constexpr size_t kMaxSources = 32;
constexpr double kAttentionShown = 0.5;
// Encoder rows decoded together: their keys and values are kept for every layer.
constexpr int64_t kMaxMemoryRows = 8192;

// Sentences by their share of the decoder's attention, the fewest that make up the shown part.
std::vector<SummarySource> SourcesOf(const PreparedDocument& document, int64_t first_row,
                                     absl::Span<const int64_t> rows, const at::Tensor& attention) {
  const at::Tensor shares = attention.to(at::kFloat).contiguous();
  const float* share = shares.const_data_ptr<float>();
  std::map<int32_t, double> by_node;
  double total = 0;
  for (size_t m = 0; m < rows.size(); ++m) {
    const auto token = static_cast<size_t>(rows[m] - first_row);
    const TokenRole role = document.sequence.roles[token];
    if (role != TokenRole::kWord && role != TokenRole::kSentenceAnchor) continue;
    by_node[document.sequence.nodes[token]] += share[m];
    total += share[m];
  }
  std::vector<std::pair<double, int32_t>> order;
  for (const auto& [node, sum] : by_node) order.emplace_back(-sum, node);
  std::sort(order.begin(), order.end());
  double shown = 0;
  std::vector<SummarySource> sources;
  for (const auto& [negative, node] : order) {
    if (sources.size() == kMaxSources || shown >= kAttentionShown * total) break;
    shown -= negative;
    const Node& leaf = document.tree.nodes()[static_cast<size_t>(node)];
    sources.push_back({node,
                       leaf.kind,
                       leaf.source,
                       std::string(document.tree.TextOf(leaf)),
                       static_cast<float>(-negative / total),
                       {}});
  }
  std::sort(sources.begin(), sources.end(),
            [](const SummarySource& a, const SummarySource& b) { return a.node < b.node; });
  return sources;
}

}  // namespace

absl::StatusOr<SummaryWriter> SummaryWriter::Load(const std::string& folder,
                                                  const std::string& config_json,
                                                  const SequenceDecoder& decoder,
                                                  const Tokenizer& tokenizer) {
  auto defaults = ModelGenerationOptions(decoder.tokens(), config_json, folder);
  if (!defaults.ok()) return defaults.status();
  GenerationOptions options = *std::move(defaults);
  if (options.decoder_start_token_id.size() != 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        folder, ": neither config.json nor generation_config.json names one token to start with"));
  }
  if (!options.max_new_tokens && options.max_length == kLibraryMaxLength) {
    options.max_new_tokens = decoder.max_length();
  }
  options.num_return_sequences = 1;
  const absl::Status status = CheckGenerationOptions(options, decoder.vocab_size());
  if (!status.ok()) {
    return absl::Status(status.code(),
                        absl::StrCat(folder, ": generation settings: ", status.message()));
  }
  return SummaryWriter(std::move(options), decoder, tokenizer);
}

GenerationOptions SummaryWriter::OptionsFor(const WritingOptions& asked) const {
  GenerationOptions options = defaults_;
  const auto take = [](const auto& from, auto& to) {
    if (from) to = *from;
  };
  take(asked.max_new_tokens, options.max_new_tokens);
  if (asked.max_new_tokens && options.min_new_tokens) {
    options.min_new_tokens = std::min(*options.min_new_tokens, *asked.max_new_tokens);
  }
  take(asked.min_new_tokens, options.min_new_tokens);
  take(asked.num_beams, options.num_beams);
  if (asked.num_beams && options.num_beams % options.num_beam_groups != 0) {
    options.num_beam_groups = 1;
    options.diversity_penalty = 0;
  }
  take(asked.no_repeat_ngram_size, options.no_repeat_ngram_size);
  take(asked.length_penalty, options.length_penalty);
  take(asked.repetition_penalty, options.repetition_penalty);
  if (asked.sample) options.do_sample = true;
  take(asked.temperature, options.temperature);
  take(asked.top_p, options.top_p);
  take(asked.top_k, options.top_k);
  options.seed = asked.seed;
  return options;
}

absl::Status SummaryWriter::Check(const WritingOptions& asked) const {
  for (const auto& [name, value] :
       {std::pair("min_new_tokens", asked.min_new_tokens), std::pair("num_beams", asked.num_beams),
        std::pair("no_repeat_ngram_size", asked.no_repeat_ngram_size),
        std::pair("top_k", asked.top_k)}) {
    if (value && *value < 0) {
      return absl::InvalidArgumentError(absl::StrCat(name, " is ", *value, ", below 0"));
    }
  }
  const GenerationOptions options = OptionsFor(asked);
  if (asked.max_new_tokens && *asked.max_new_tokens > decoder_->max_length()) {
    return absl::InvalidArgumentError(absl::StrCat("max_new_tokens is ", *asked.max_new_tokens,
                                                   "; this model writes at most ",
                                                   decoder_->max_length()));
  }
  if (options.min_new_tokens && options.max_new_tokens &&
      *options.min_new_tokens > *options.max_new_tokens) {
    return absl::InvalidArgumentError(absl::StrCat("min_new_tokens ", *options.min_new_tokens,
                                                   " is over max_new_tokens ",
                                                   *options.max_new_tokens));
  }
  return CheckGenerationOptions(options, decoder_->vocab_size());
}

absl::Status SummaryWriter::Write(const at::Tensor& states, const PackedBatch& batch,
                                  absl::Span<const Job> jobs,
                                  const std::function<bool()>& cancelled) const {
  // As many documents at once as their keys and values leave room for.
  int64_t rows = 0;
  for (size_t n = 0; n < jobs.size(); ++n) {
    const int64_t own = batch.cu_seqlens[jobs[n].document + 1] - batch.cu_seqlens[jobs[n].document];
    if (n > 0 && rows + own > kMaxMemoryRows) {
      if (absl::Status s = Write(states, batch, jobs.subspan(0, n), cancelled); !s.ok()) return s;
      return Write(states, batch, jobs.subspan(n), cancelled);
    }
    rows += own;
  }
  std::vector<int64_t> documents;
  for (const Job& job : jobs) documents.push_back(job.document);
  const EncoderMemory memory = decoder_->Memory(states, batch, documents);
  std::vector<GrowingText> texts(jobs.size(), GrowingText(*tokenizer_));
  std::vector<GenerationInput> inputs;
  for (size_t n = 0; n < jobs.size(); ++n) {
    const WorkItem& item = *jobs[n].item;
    GenerationInput& input = inputs.emplace_back();
    input.search.options = OptionsFor(item.request.summary.writing);
    input.search.prompt = input.search.options.decoder_start_token_id;
    input.search.encoder_ids = item.document->sequence.token_ids;
    input.attention = true;
    input.cancelled = item.cancelled;
    input.on_tokens = [&texts, &item, n](const std::vector<int32_t>& ids) {
      const std::string part = texts[n].Append(ids);
      if (item.on_text && !part.empty()) item.on_text(part);
    };
  }
  auto outputs = Generate(*decoder_, memory, inputs, cancelled);
  if (!outputs.ok()) return outputs.status();
  for (size_t n = 0; n < jobs.size(); ++n) {
    TaskResult& result = *jobs[n].result;
    const GenerationOutput& output = (*outputs)[n];
    result.status = output.status;
    if (!output.status.ok()) continue;
    const std::string rest = texts[n].Finish();
    if (jobs[n].item->on_text && !rest.empty()) jobs[n].item->on_text(rest);
    const GeneratedSequence& best = output.sequences[0];
    const std::vector<int32_t>& ends = inputs[n].search.options.eos_token_id;
    Summary& summary = result.summary;
    summary.method = SummaryMethod::kAbstractive;
    summary.text = texts[n].text();
    summary.num_new_tokens = std::ssize(best.token_ids) - std::ssize(inputs[n].search.prompt);
    summary.is_complete = std::ranges::find(ends, best.token_ids.back()) != ends.end();
    summary.score = static_cast<float>(best.score);
    const int64_t begin = memory.cu_seqlens[n], end = memory.cu_seqlens[n + 1];
    summary.sources =
        SourcesOf(*jobs[n].item->document, batch.cu_seqlens[jobs[n].document],
                  absl::MakeConstSpan(memory.rows)
                      .subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin)),
                  best.attention);
  }
  return absl::OkStatus();
}

}  // namespace strata::models

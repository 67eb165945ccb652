#include "models/generate/generate.h"

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

// One document under way.
struct Document {
  const GenerationInput* input = nullptr;
  GenerationOutput* output = nullptr;
  std::unique_ptr<Search> search;
  size_t num_told = 0;  // tokens that on_tokens has been given
  bool open = true;

  void Tell() {
    if (!input->on_tokens) return;
    const std::vector<int32_t> settled = search->Settled();
    if (settled.size() <= num_told) return;
    const auto begin = settled.begin() + static_cast<int64_t>(num_told);
    num_told = settled.size();
    input->on_tokens({begin, settled.end()});
  }
};

absl::Status Check(const std::vector<GenerationInput>& inputs, int32_t vocab_size) {
  for (const GenerationInput& input : inputs) {
    const SearchInput& search = input.search;
    if (search.prompt.empty() || search.prompt.size() != inputs[0].search.prompt.size()) {
      return absl::InvalidArgumentError(
          "documents that are decoded together need prompts of one length, at least one token");
    }
    if (absl::Status s = CheckGenerationOptions(search.options, vocab_size); !s.ok()) return s;
    const auto length = static_cast<int64_t>(search.prompt.size());
    if (search.options.LengthLimit(length) <= length) {
      return absl::InvalidArgumentError(
          absl::StrCat("max_length ", search.options.LengthLimit(length),
                       " leaves no room behind a prompt of ", length, " tokens"));
    }
    for (int32_t id : search.encoder_ids) {
      if (id < 0 || id >= vocab_size) {
        return absl::InvalidArgumentError(
            absl::StrCat("encoder token ", id, " is outside the vocabulary of ", vocab_size));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<GenerationOutput>> Generate(const SequenceDecoder& decoder,
                                                       const EncoderMemory& memory,
                                                       const std::vector<GenerationInput>& inputs,
                                                       const std::function<bool()>& cancelled) {
  std::vector<GenerationOutput> outputs(inputs.size());
  if (inputs.empty()) return outputs;
  if (absl::Status s = Check(inputs, decoder.vocab_size()); !s.ok()) return s;
  std::vector<Document> documents(inputs.size());
  std::vector<int64_t> rows;
  for (size_t b = 0; b < inputs.size(); ++b) {
    documents[b].input = &inputs[b];
    documents[b].output = &outputs[b];
    documents[b].search = MakeSearch(inputs[b].search);
    rows.push_back(documents[b].search->num_rows());
  }
  auto decoding = decoder.Start(memory, rows);
  if (!decoding.ok()) return decoding.status();

  std::vector<int32_t> tokens;  // that the next step feeds, a row each
  const size_t prompt_length = inputs[0].search.prompt.size();
  for (size_t step = 0;; ++step) {
    if (cancelled && cancelled()) {
      return absl::CancelledError(absl::StrCat("stopped before token ", step));
    }
    if (step < prompt_length) {
      tokens.clear();
      for (size_t b = 0; b < inputs.size(); ++b) {
        tokens.insert(tokens.end(), rows[b], inputs[b].search.prompt[step]);
      }
    }
    auto logits = (*decoding)->Step(tokens);
    if (!logits.ok()) return logits.status();
    if (step + 1 < prompt_length) continue;

    int64_t first = 0;
    tokens.clear();
    std::vector<int64_t> going_on;
    for (Document& document : documents) {
      if (!document.open) continue;
      const int64_t count = document.search->num_rows();
      std::function<at::Tensor(int64_t)> attention;
      if (document.input->attention) {
        attention = [&, first](int64_t row) { return (*decoding)->Attention(first + row); };
      }
      absl::Status status =
          document.input->cancelled && document.input->cancelled()
              ? absl::CancelledError("the caller stopped this document")
              : document.search->Advance(logits->narrow(0, first, count), attention);
      if (status.ok()) document.Tell();
      if (!status.ok() || document.search->done()) {
        document.open = false;
        document.output->status = status;
        if (status.ok()) document.output->sequences = document.search->Finish();
        document.output->step_logits = document.search->StepLogits();
      } else {
        for (int64_t parent : document.search->parents()) going_on.push_back(first + parent);
        const std::vector<int32_t>& chosen = document.search->tokens();
        tokens.insert(tokens.end(), chosen.begin(), chosen.end());
      }
      first += count;
    }
    if (tokens.empty()) return outputs;
    (*decoding)->Select(going_on);
  }
}

}  // namespace strata::models

#include "models/tokenizer/sentencepiece_trainer.h"

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <set>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "models/tokenizer/sentencepiece_bridge.h"

namespace strata::models {
namespace {

absl::Status CheckOptions(const SentencePieceTrainerOptions& options) {
  static const std::set<std::string> kNormalizations = {"identity", "nfkc", "nfkc_cf", "nmt_nfkc",
                                                        "nmt_nfkc_cf"};
  if (kNormalizations.count(options.normalization) == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("SentencePiece training: normalization '", options.normalization,
                     "' is unknown; use one of ", absl::StrJoin(kNormalizations, ", ")));
  }
  if (options.unk_id < 0) {
    return absl::InvalidArgumentError("SentencePiece training: unk_id must be 0 or more");
  }
  if (!(options.character_coverage >= 0.98 && options.character_coverage <= 1)) {
    return absl::InvalidArgumentError(absl::StrCat("SentencePiece training: character_coverage ",
                                                   options.character_coverage,
                                                   " is outside 0.98 to 1"));
  }
  if (options.num_threads < 1 || options.max_sentence_bytes < 1) {
    return absl::InvalidArgumentError(
        "SentencePiece training: num_threads and max_sentence_bytes must be 1 or more");
  }
  std::set<std::string> seen;
  for (const auto* symbols : {&options.control_symbols, &options.user_symbols}) {
    for (const std::string& symbol : *symbols) {
      // The trainer reads lists as comma separated values.
      if (symbol.empty() || symbol.find_first_of(",\"\n") != std::string::npos) {
        return absl::InvalidArgumentError(
            absl::StrCat("SentencePiece training: symbol '", symbol,
                         "' is empty or has a comma, a quote or a line end"));
      }
      if (!seen.insert(symbol).second || symbol == options.unk_piece ||
          (options.pad_id >= 0 && symbol == options.pad_piece)) {
        return absl::InvalidArgumentError(
            absl::StrCat("SentencePiece training: symbol '", symbol, "' is given twice"));
      }
    }
  }
  return absl::OkStatus();
}

std::unordered_map<std::string, std::string> Flags(const SentencePieceTrainerOptions& options) {
  std::unordered_map<std::string, std::string> flags = {
      {"model_type",
       options.model_type == SentencePieceTrainerOptions::ModelType::kBpe ? "bpe" : "unigram"},
      {"vocab_size", absl::StrCat(options.vocab_size)},
      {"character_coverage", absl::StrCat(options.character_coverage)},
      {"normalization_rule_name", options.normalization},
      {"pad_id", absl::StrCat(options.pad_id)},
      {"unk_id", absl::StrCat(options.unk_id)},
      {"bos_id", absl::StrCat(options.bos_id)},
      {"eos_id", absl::StrCat(options.eos_id)},
      {"pad_piece", options.pad_piece},
      {"unk_piece", options.unk_piece},
      {"byte_fallback", options.byte_fallback ? "true" : "false"},
      {"split_digits", options.split_digits ? "true" : "false"},
      {"num_threads", absl::StrCat(options.num_threads)},
      {"max_sentence_length", absl::StrCat(options.max_sentence_bytes)},
      {"hard_vocab_limit", "false"},
      {"input_sentence_size", "0"},  // all of them: no sampling, so no random number
      {"shuffle_input_sentence", "false"},
      {"minloglevel", "2"},
  };
  if (!options.control_symbols.empty()) {
    flags["control_symbols"] = absl::StrJoin(options.control_symbols, ",");
  }
  if (!options.user_symbols.empty()) {
    flags["user_defined_symbols"] = absl::StrJoin(options.user_symbols, ",");
  }
  return flags;
}

}  // namespace

absl::Status TrainSentencePiece(const NextSentence& next,
                                const SentencePieceTrainerOptions& options,
                                const std::string& model_path) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  std::string model;
  const std::string error = TrainSentencePieceModel(Flags(options), next, model);
  if (!error.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("SentencePiece training: ", error));
  }
  const std::string temporary = absl::StrCat(model_path, ".part");
  errno = 0;
  std::ofstream file(temporary, std::ios::binary);
  file.write(model.data(), static_cast<std::streamsize>(model.size()));
  file.close();
  if (!file || std::rename(temporary.c_str(), model_path.c_str()) != 0) {
    const int code = errno != 0 ? errno : EIO;
    std::remove(temporary.c_str());
    return absl::ErrnoToStatus(code, absl::StrCat("cannot write ", model_path));
  }
  return absl::OkStatus();
}

absl::Status TrainSentencePiece(const std::vector<std::string>& sentences,
                                const SentencePieceTrainerOptions& options,
                                const std::string& model_path) {
  size_t i = 0;
  return TrainSentencePiece(
      [&](std::string& sentence) {
        if (i == sentences.size()) return false;
        sentence = sentences[i++];
        return true;
      },
      options, model_path);
}

}  // namespace strata::models

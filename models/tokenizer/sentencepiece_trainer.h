// Trains a SentencePiece model from sentences.
//
// Source: Kudo 2018 (arXiv 1804.10959, unigram) and Sennrich 2016 (arXiv 1508.07909, BPE), by
// libsentencepiece_train.
#ifndef STRATA_MODELS_TOKENIZER_SENTENCEPIECE_TRAINER_H_
#define STRATA_MODELS_TOKENIZER_SENTENCEPIECE_TRAINER_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace strata::models {

struct SentencePieceTrainerOptions {
  enum class ModelType { kUnigram, kBpe };

  int vocab_size = 8000;  // special symbols included; a small text may give fewer pieces (unigram)
  ModelType model_type = ModelType::kUnigram;
  double character_coverage = 0.9995;  // 0.98 to 1: share of characters that get a piece
  // identity, nfkc, nfkc_cf (case folded), nmt_nfkc or nmt_nfkc_cf (spaces and controls mapped
  // too).
  std::string normalization = "nmt_nfkc_cf";

  std::string pad_piece = "<pad>";
  std::string unk_piece = "<unk>";
  int pad_id = 0;   // -1: no such piece
  int unk_id = 1;   // must be there
  int bos_id = -1;  // "<s>"
  int eos_id = -1;  // "</s>"
  // Never produced from text; TokenToId finds them. They take the free ids from 0 in this order.
  std::vector<std::string> control_symbols;
  // Always one token each where they stand in a text.
  std::vector<std::string> user_symbols;

  bool byte_fallback = false;  // 256 byte pieces instead of the unknown piece
  bool split_digits = false;
  int num_threads = 1;  // the result is the same for the same text, options and num_threads
  int max_sentence_bytes = 1 << 20;  // longer sentences are left out
};

// Writes the next sentence, UTF-8 without line ends; false when there is none left.
using NextSentence = std::function<bool(std::string& sentence)>;

// Writes `model_path` (whole or not at all). Reads every sentence into memory.
// INVALID_ARGUMENT: options, no sentence, vocab_size that the text cannot give. UNAVAILABLE:
// writing.
absl::Status TrainSentencePiece(const NextSentence& next,
                                const SentencePieceTrainerOptions& options,
                                const std::string& model_path);
absl::Status TrainSentencePiece(const std::vector<std::string>& sentences,
                                const SentencePieceTrainerOptions& options,
                                const std::string& model_path);

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_SENTENCEPIECE_TRAINER_H_

// libsentencepiece behind types of the standard library.
//
// Its headers put std::string_view into namespace absl, where Debian's Abseil has a class of that
// name, so no file can include both. Only sentencepiece_bridge.cc sees those headers; this one
// names neither Abseil nor SentencePiece.
#ifndef STRATA_MODELS_TOKENIZER_SENTENCEPIECE_BRIDGE_H_
#define STRATA_MODELS_TOKENIZER_SENTENCEPIECE_BRIDGE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace strata::models {

// A loaded .model. Immutable; Encode is safe from many threads at once.
class SentencePieceModel {
 public:
  SentencePieceModel();
  ~SentencePieceModel();

  // Each returns an error message, empty when all went well.
  std::string LoadSerialized(std::string_view model);
  std::string Encode(
      std::string_view text,
      const std::function<void(int32_t id, uint32_t begin, uint32_t end)>& token) const;
  std::string Decode(const std::vector<int>& ids, std::string& text) const;

  int num_pieces() const;
  int PieceToId(std::string_view piece) const;  // the unknown piece's id when there is none
  const std::string& IdToPiece(int id) const;   // `id` in 0..num_pieces()-1

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Trains with SentencePiece's own flags. `next` writes the next sentence and returns false at the
// end. Writes the serialized model; returns an error message, empty when all went well.
std::string TrainSentencePieceModel(const std::unordered_map<std::string, std::string>& flags,
                                    const std::function<bool(std::string& sentence)>& next,
                                    std::string& model);

}  // namespace strata::models

#endif  // STRATA_MODELS_TOKENIZER_SENTENCEPIECE_BRIDGE_H_

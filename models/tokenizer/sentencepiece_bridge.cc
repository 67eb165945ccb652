#include "models/tokenizer/sentencepiece_bridge.h"

#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <exception>

namespace strata::models {
namespace {

std::string Message(const sentencepiece::util::Status& status) {
  return status.ok() ? std::string() : status.ToString();
}

class CallbackIterator : public sentencepiece::SentenceIterator {
 public:
  explicit CallbackIterator(const std::function<bool(std::string&)>& next) : next_(next) { Next(); }

  bool done() const override { return done_; }
  void Next() override { done_ = done_ || !next_(sentence_); }
  const std::string& value() const override { return sentence_; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  const std::function<bool(std::string&)>& next_;
  std::string sentence_;
  bool done_ = false;
};

}  // namespace

struct SentencePieceModel::State {
  sentencepiece::SentencePieceProcessor processor;
};

SentencePieceModel::SentencePieceModel() : state_(std::make_unique<State>()) {}
SentencePieceModel::~SentencePieceModel() = default;

std::string SentencePieceModel::LoadSerialized(std::string_view model) {
  try {
    return Message(state_->processor.LoadFromSerializedProto(model));
  } catch (const std::exception& error) {
    return error.what();
  }
}

std::string SentencePieceModel::Encode(
    std::string_view text,
    const std::function<void(int32_t id, uint32_t begin, uint32_t end)>& token) const {
  try {
    sentencepiece::ImmutableSentencePieceText pieces;
    const auto status = state_->processor.Encode(text, pieces.mutable_proto());
    if (!status.ok()) return Message(status);
    const size_t count = pieces.pieces_size();
    for (size_t i = 0; i < count; ++i) {
      const auto piece = pieces.pieces(static_cast<int>(i));
      token(static_cast<int32_t>(piece.id()), piece.begin(), piece.end());
    }
    return {};
  } catch (const std::exception& error) {
    return error.what();
  }
}

std::string SentencePieceModel::Decode(const std::vector<int>& ids, std::string& text) const {
  try {
    return Message(state_->processor.Decode(ids, &text));
  } catch (const std::exception& error) {
    return error.what();
  }
}

int SentencePieceModel::num_pieces() const { return state_->processor.GetPieceSize(); }

int SentencePieceModel::PieceToId(std::string_view piece) const {
  return state_->processor.PieceToId(piece);
}

const std::string& SentencePieceModel::IdToPiece(int id) const {
  return state_->processor.IdToPiece(id);
}

std::string TrainSentencePieceModel(const std::unordered_map<std::string, std::string>& flags,
                                    const std::function<bool(std::string& sentence)>& next,
                                    std::string& model) {
  try {
    CallbackIterator sentences(next);
    if (sentences.done()) return "there is no sentence to train on";
    return Message(sentencepiece::SentencePieceTrainer::Train(flags, &sentences, &model));
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace strata::models

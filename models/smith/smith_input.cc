#include "models/smith/smith_input.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

// A run of one sentence's words inside a block.
struct Piece {
  const SmithSentence* sentence;
  size_t begin, end;

  size_t size() const { return end - begin; }
};

using Block = std::vector<Piece>;

size_t WordsOf(const Block& block) {
  size_t words = 0;
  for (const Piece& piece : block) words += piece.size();
  return words;
}

std::vector<Block> Fill(const std::vector<SmithSentence>& sentences, const SmithConfig& config) {
  const auto room = static_cast<size_t>(config.block_words());
  std::vector<Block> blocks;
  for (const SmithSentence& sentence : sentences) {
    const size_t words = sentence.token_ids.size();
    if (words == 0) continue;
    const bool fits =
        config.greedy_sentence_filling && !blocks.empty() && WordsOf(blocks.back()) + words <= room;
    if (!fits) blocks.emplace_back();
    blocks.back().push_back({&sentence, 0, std::min(words, fits ? words : room)});
    if (!config.continue_long_sentences) continue;
    for (size_t begin = blocks.back().back().end; begin < words;) {
      const size_t end = std::min(words, begin + room);
      blocks.push_back({{&sentence, begin, end}});
      begin = end;
    }
  }
  return blocks;
}

void AppendBlock(const Block& block, int32_t number, const SmithTokenIds& ids,
                 AnchoredSequence& sequence) {
  const auto root = static_cast<int32_t>(sequence.num_tokens());
  int32_t place = 0;
  const auto append = [&](int32_t id, TokenRole role, int32_t node, ByteSpan span) {
    sequence.Append(id, role, place == 0 ? -1 : root, {place, number, 0}, node, span);
    ++place;
  };
  const Piece& first = block.front();
  const Piece& last = block.back();
  ByteSpan whole;
  if (!first.sentence->spans.empty() && !last.sentence->spans.empty()) {
    whole = {first.sentence->spans[first.begin].begin, last.sentence->spans[last.end - 1].end};
  }
  append(ids.first, TokenRole::kSentenceAnchor, first.sentence->node, whole);
  for (const Piece& piece : block) {
    for (size_t t = piece.begin; t < piece.end; ++t) {
      append(piece.sentence->token_ids[t], TokenRole::kWord, piece.sentence->node,
             t < piece.sentence->spans.size() ? piece.sentence->spans[t] : ByteSpan{});
    }
  }
  const ByteSpan end{whole.end, whole.end};
  append(ids.separator, TokenRole::kSeparator, last.sentence->node, end);
  append(ids.separator, TokenRole::kSeparator, last.sentence->node, end);
  sequence.num_words_kept += static_cast<int64_t>(WordsOf(block));
}

}  // namespace

absl::StatusOr<SmithTokenIds> SmithTokenIds::Find(const Tokenizer& tokenizer) {
  const auto first = tokenizer.TokenToId("[CLS]");
  const auto separator = tokenizer.TokenToId("[SEP]");
  if (!first || !separator) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the tokenizer has no token '", first ? "[SEP]" : "[CLS]", "', which SMITH's blocks need"));
  }
  return SmithTokenIds{*first, *separator};
}

SmithInput FillSmithBlocks(const std::vector<SmithSentence>& sentences, const SmithConfig& config,
                           const SmithTokenIds& ids, int64_t max_tokens) {
  SmithInput input;
  AnchoredSequence& sequence = input.sequence;
  for (const SmithSentence& sentence : sentences) {
    sequence.num_words_seen += static_cast<int64_t>(sentence.token_ids.size());
  }
  const std::vector<Block> blocks = Fill(sentences, config);
  input.num_blocks = static_cast<int64_t>(blocks.size());
  int32_t number = 0;
  for (const Block& block : blocks) {
    const auto tokens = static_cast<int64_t>(WordsOf(block)) + 3;
    if (number >= config.loop_sent_number_per_doc) break;
    if (max_tokens > 0 && sequence.num_tokens() + tokens > max_tokens) break;
    AppendBlock(block, number++, ids, sequence);
  }
  return input;
}

absl::StatusOr<std::vector<SmithSentence>> TokenizeSmithSentences(const DocumentTree& tree,
                                                                  const Tokenizer& tokenizer) {
  std::vector<SmithSentence> sentences;
  Encoding encoding;
  for (size_t n = 0; n < tree.nodes().size(); ++n) {
    const Node& node = tree.nodes()[n];
    if (node.kind != NodeKind::kSentence && node.kind != NodeKind::kHeading) continue;
    if (absl::Status status = tokenizer.Encode(tree.TextOf(node), encoding); !status.ok()) {
      return status;
    }
    SmithSentence& sentence = sentences.emplace_back();
    sentence.node = static_cast<int32_t>(n);
    sentence.token_ids = encoding.ids;
    for (const ByteSpan& offset : encoding.offsets) {
      sentence.spans.push_back({node.text.begin + offset.begin, node.text.begin + offset.end});
    }
  }
  return sentences;
}

}  // namespace strata::models

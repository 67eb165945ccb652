#include "models/hat/hat_input.h"

#include <algorithm>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/hat/hat_segmentation.h"

namespace strata::models {
namespace {

// All tokens of a tree, leaf after leaf.
struct FlatTokens {
  std::vector<int32_t> ids;
  std::vector<ByteSpan> spans;  // in the tree's text
  std::vector<int32_t> nodes;   // the leaf
  std::vector<int64_t> leaf_lengths;

  static absl::StatusOr<FlatTokens> Of(const DocumentTree& tree, const Tokenizer& tokenizer) {
    FlatTokens tokens;
    Encoding encoding;
    for (size_t n = 0; n < tree.nodes().size(); ++n) {
      const Node& node = tree.nodes()[n];
      if (node.kind != NodeKind::kSentence && node.kind != NodeKind::kHeading) continue;
      const absl::Status status = tokenizer.Encode(tree.TextOf(node), encoding);
      if (!status.ok()) return status;
      tokens.ids.insert(tokens.ids.end(), encoding.ids.begin(), encoding.ids.end());
      for (const ByteSpan& offset : encoding.offsets) {
        tokens.spans.push_back({node.text.begin + offset.begin, node.text.begin + offset.end});
      }
      tokens.nodes.insert(tokens.nodes.end(), encoding.ids.size(), static_cast<int32_t>(n));
      tokens.leaf_lengths.push_back(static_cast<int64_t>(encoding.ids.size()));
    }
    return tokens;
  }
};

std::vector<TokenRange> Cut(const HatConfig& config, const FlatTokens& tokens) {
  const int64_t room = config.max_sentence_length - 1;
  switch (config.segmentation) {
    case HatSegmentation::kUniform:
      return CutUniformly(static_cast<int64_t>(tokens.ids.size()), room, config.segment_overlap);
    case HatSegmentation::kSentences:
      return CutAtSentences(tokens.leaf_lengths, room);
    case HatSegmentation::kGrouped:
      break;
  }
  return GroupSentences(tokens.leaf_lengths, room);
}

// The innermost node that holds both; a child's index is larger than its parent's.
int32_t CommonNode(const DocumentTree& tree, int32_t a, int32_t b) {
  while (a != b) {
    int32_t& deeper = a > b ? a : b;
    deeper = tree.nodes()[static_cast<size_t>(deeper)].parent;
  }
  return a;
}

}  // namespace

absl::StatusOr<AnchoredSequence> AnchorSegments(const HatConfig& config, int32_t cls_id,
                                                const DocumentTree& tree,
                                                const Tokenizer& tokenizer, int64_t max_tokens) {
  auto tokens = FlatTokens::Of(tree, tokenizer);
  if (!tokens.ok()) return tokens.status();
  std::vector<TokenRange> segments = Cut(config, *tokens);
  if (segments.empty()) segments.push_back({0, 0});
  const auto limit = static_cast<size_t>(config.max_segments());
  if (limit > 0 && segments.size() > limit) {
    if (max_tokens <= 0) {
      return absl::ResourceExhaustedError(
          absl::StrCat("the document has ", segments.size(), " segments of up to ",
                       config.max_sentence_length, " tokens, the model has positions for ", limit,
                       "; with a limit of tokens and truncation "
                       "allowed its beginning is read"));
    }
    segments.resize(limit);
  }

  AnchoredSequence sequence;
  sequence.num_words_seen = static_cast<int64_t>(tokens->ids.size());
  const auto is_full = [&] { return max_tokens > 0 && sequence.num_tokens() >= max_tokens; };
  for (size_t j = 0; j < segments.size() && !is_full(); ++j) {
    const TokenRange& range = segments[j];
    // Beyond the table only where nothing reads it.
    const auto number = static_cast<int32_t>(j) + 1;
    const auto first = static_cast<int32_t>(sequence.num_tokens());
    int32_t node = range.end > range.begin ? tokens->nodes[static_cast<size_t>(range.begin)] : 0;
    ByteSpan span;
    if (range.end > range.begin) {
      node = CommonNode(tree, node, tokens->nodes[static_cast<size_t>(range.end - 1)]);
      span = {tokens->spans[static_cast<size_t>(range.begin)].begin,
              tokens->spans[static_cast<size_t>(range.end - 1)].end};
    }
    sequence.Append(cls_id, TokenRole::kSentenceAnchor, -1,
                    {HatTokenPosition(config, cls_id, 0), number, 0}, node, span);
    for (int64_t t = range.begin; t < range.end && !is_full(); ++t) {
      const auto at = static_cast<size_t>(t);
      const auto index = static_cast<int32_t>(t - range.begin) + 1;
      sequence.Append(tokens->ids[at], TokenRole::kWord, first,
                      {HatTokenPosition(config, tokens->ids[at], index), number, 0},
                      tokens->nodes[at], tokens->spans[at]);
      sequence.num_words_kept = std::max(sequence.num_words_kept, t + 1);
    }
  }
  return sequence;
}

UnpackedHat UnpackHatDocuments(const HatConfig& config, const PackedBatch& batch) {
  UnpackedHat unpacked;
  int32_t next_row = 0;
  for (int64_t b = 0; b < batch.num_documents(); ++b) {
    HatDocument& document = unpacked.documents.emplace_back();
    const auto pad_segment = [&] {
      if (!config.attends_padding || document.segments.empty()) return;
      std::vector<HatToken>& tokens = document.segments.back().tokens;
      for (auto t = static_cast<int32_t>(tokens.size()); t < config.max_sentence_length; ++t) {
        tokens.push_back({.id = config.pad_token_id, .index = t});
        ++next_row;
      }
    };
    for (int32_t t = batch.cu_seqlens[b]; t < batch.cu_seqlens[b + 1]; ++t) {
      const auto at = static_cast<size_t>(t);
      if (batch.roles[at] == TokenRole::kSentenceAnchor || document.segments.empty()) {
        pad_segment();
        const auto index = static_cast<int32_t>(document.segments.size());
        document.place_of_segment.push_back(index);
        HatSegment& segment = document.segments.emplace_back();
        segment.index = index;
        segment.cross_position = batch.positions[at][1];
      }
      std::vector<HatToken>& tokens = document.segments.back().tokens;
      tokens.push_back({.id = batch.token_ids[at],
                        .position = batch.positions[at][0],
                        .type = batch.positions[at][2],
                        .index = static_cast<int32_t>(tokens.size())});
      unpacked.rows.push_back(next_row++);
    }
    pad_segment();
    // Pooling `last`: the first token of the last segment with text.
    document.last_segment = static_cast<int32_t>(document.segments.size()) - 1;
    if (config.pads_segments) PadWithEmptySegments(config, config.max_sentences, document);
  }
  if (!config.attends_padding) unpacked.rows.clear();
  return unpacked;
}

}  // namespace strata::models

#include "models/hdt/hdt_input.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

absl::StatusOr<int32_t> FindToken(const Tokenizer& tokenizer,
                                  std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (auto id = tokenizer.TokenToId(name)) return *id;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the tokenizer has no token '", *names.begin(),
                   "', which HDT needs as an anchor; add it to the tokenizer's added tokens"));
}

// Appends rows until the limit; afterwards it only counts the words it was offered.
class SequenceWriter {
 public:
  SequenceWriter(AnchoredSequence& sequence, int64_t max_tokens)
      : sequence_(sequence), max_tokens_(max_tokens) {}

  // Returns the token's index, or -1 when the row is full.
  int32_t Append(int32_t id, TokenRole role, int32_t parent, std::array<int32_t, 3> position,
                 int32_t node, ByteSpan span) {
    if (role == TokenRole::kWord) ++sequence_.num_words_seen;
    if (max_tokens_ > 0 && sequence_.num_tokens() >= max_tokens_) return -1;
    if (role == TokenRole::kWord) ++sequence_.num_words_kept;
    sequence_.Append(id, role, parent, position, node, span);
    return static_cast<int32_t>(sequence_.num_tokens()) - 1;
  }

 private:
  AnchoredSequence& sequence_;
  const int64_t max_tokens_;
};

}  // namespace

absl::StatusOr<HdtAnchorIds> HdtAnchorIds::Find(const Tokenizer& tokenizer) {
  auto document = FindToken(tokenizer, {"<doc>"});
  if (!document.ok()) return document.status();
  auto section = FindToken(tokenizer, {"<sec>"});
  if (!section.ok()) return section.status();
  auto sentence = FindToken(tokenizer, {"<cls>", "[CLS]"});
  if (!sentence.ok()) return sentence.status();
  return HdtAnchorIds{*document, *section, *sentence};
}

AnchoredSequence AnchorSections(const std::vector<HdtSection>& sections, const HdtAnchorIds& ids,
                                const std::vector<int32_t>& global_query, ByteSpan document_span,
                                int64_t max_tokens) {
  AnchoredSequence sequence;
  SequenceWriter writer(sequence, max_tokens);
  const auto query_tokens = static_cast<int32_t>(global_query.size());
  for (int32_t n = 0; n < query_tokens; ++n) {
    // Leaf children of <doc>, which stands right behind them.
    writer.Append(global_query[n], TokenRole::kGlobalQuery, query_tokens, {n, n, n}, -1, {});
  }
  const int32_t document =
      writer.Append(ids.document, TokenRole::kDocumentAnchor, -1, {0, 0, 0}, 0, document_span);
  int32_t section = -1;       // index of the open <sec>
  int32_t section_count = 0;  // <sec> tokens written; position 2 of what follows
  int32_t sentence_count = 0;
  const auto open_section = [&](const HdtSection& source) {
    ++section_count;
    sentence_count = 0;
    section = writer.Append(ids.section, TokenRole::kSectionAnchor, document, {0, 0, section_count},
                            source.node, source.span);
  };
  static const HdtSection kNoSection;
  for (size_t s = 0; s < sections.size(); ++s) {
    if (s == 0) open_section(sections[0]);
    if (sections[s].sentences.empty()) continue;
    if (s > 0) open_section(sections[s]);
    for (const HdtSentence& sentence : sections[s].sentences) {
      ++sentence_count;
      const int32_t anchor =
          writer.Append(ids.sentence, TokenRole::kSentenceAnchor, section,
                        {0, sentence_count, section_count}, sentence.node, sentence.span);
      for (size_t t = 0; t < sentence.token_ids.size(); ++t) {
        writer.Append(sentence.token_ids[t], TokenRole::kWord, anchor,
                      {static_cast<int32_t>(t) + 1, sentence_count, section_count}, sentence.node,
                      t < sentence.spans.size() ? sentence.spans[t] : ByteSpan{});
      }
    }
  }
  if (sections.empty()) open_section(kNoSection);
  return sequence;
}

absl::StatusOr<std::vector<HdtSection>> TokenizeTree(const DocumentTree& tree,
                                                     const Tokenizer& tokenizer) {
  const std::vector<Node>& nodes = tree.nodes();
  // Innermost section (or the document) of every node; parents stand before their children.
  std::vector<int32_t> section_of(nodes.size(), 0);
  std::vector<HdtSection> sections;
  Encoding encoding;
  for (size_t n = 0; n < nodes.size(); ++n) {
    const Node& node = nodes[n];
    const auto index = static_cast<int32_t>(n);
    section_of[n] = node.kind == NodeKind::kSection || node.parent < 0
                        ? index
                        : section_of[static_cast<size_t>(node.parent)];
    if (node.kind != NodeKind::kSentence && node.kind != NodeKind::kHeading) continue;
    if (absl::Status status = tokenizer.Encode(tree.TextOf(node), encoding); !status.ok()) {
      return status;
    }
    if (sections.empty() || sections.back().node != section_of[n]) {
      HdtSection& section = sections.emplace_back();
      section.node = section_of[n];
      section.span = nodes[static_cast<size_t>(section.node)].text;
    }
    HdtSentence& sentence = sections.back().sentences.emplace_back();
    sentence.node = index;
    sentence.span = node.text;
    sentence.token_ids = encoding.ids;
    sentence.spans.reserve(encoding.offsets.size());
    for (const ByteSpan& offset : encoding.offsets) {
      sentence.spans.push_back({node.text.begin + offset.begin, node.text.begin + offset.end});
    }
  }
  return sections;
}

}  // namespace strata::models

#include "models/document/document_builder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/document/ascii_text.h"

namespace strata::models {
namespace {

constexpr size_t kScanBlock = 16;

// How many bytes from the start are surely kept as they are: blocks of words parted by single
// blanks.
size_t PlainPrefix(std::string_view text) {
  size_t done = 0;
  while (done + kScanBlock < text.size()) {
    unsigned folded = 0;
    const char* bytes = text.data() + done;
    for (size_t i = 0; i < kScanBlock; ++i) {
      folded |=
          static_cast<unsigned>(static_cast<unsigned char>(bytes[i] - '\t') < 5) |
          (static_cast<unsigned>(bytes[i] == ' ') & static_cast<unsigned>(bytes[i + 1] <= ' '));
    }
    if (folded != 0) break;
    done += kScanBlock;
  }
  return done;
}

ByteSpan Union(ByteSpan a, ByteSpan b) {
  return {std::min(a.begin, b.begin), std::max(a.end, b.end)};
}

}  // namespace

DocumentBuilder::DocumentBuilder(std::string_view source, const ReaderLimits& limits,
                                 SentenceSplitter splitter)
    : source_(source), limits_(limits), splitter_(std::move(splitter)) {
  text_.reserve(source.size());
  nodes_.push_back({NodeKind::kDocument, -1, 0, {}, {}});
  levels_.push_back({0, 0, 0});
}

void DocumentBuilder::OpenSection(int32_t rank, ByteSpan source) {
  EndBlock();
  rank = std::max(rank, 1);
  while (levels_.back().rank >= rank) {
    if (levels_.back().node >= 0) --depth_;
    levels_.pop_back();
  }
  PushSection(rank, source);
}

void DocumentBuilder::EnterSection(ByteSpan source) {
  EndBlock();
  PushSection(0, source);
}

void DocumentBuilder::EnterScope() {
  EndBlock();
  levels_.push_back({0, -1, Container()});
}

void DocumentBuilder::Leave() {
  EndBlock();
  bool entered = false;
  while (levels_.size() > 1 && !entered) {
    entered = levels_.back().rank == 0;
    if (levels_.back().node >= 0) --depth_;
    levels_.pop_back();
  }
}

void DocumentBuilder::PushSection(int32_t rank, ByteSpan source) {
  if (!status_.ok() || depth_ >= limits_.max_depth) {
    levels_.push_back({rank, -1, Container()});
    return;
  }
  const auto at = static_cast<int64_t>(text_.size());
  if (source.empty()) source = {last_source_end_, last_source_end_};
  const int32_t node = AddNode(NodeKind::kSection, Container(), {at, at}, source);
  levels_.push_back({rank, node, node});
  ++depth_;
}

int32_t DocumentBuilder::AddNode(NodeKind kind, int32_t parent, ByteSpan text, ByteSpan source) {
  if (static_cast<int64_t>(nodes_.size()) >= limits_.max_nodes) {
    status_ = absl::ResourceExhaustedError(
        absl::StrCat("the document has more than max_nodes = ", limits_.max_nodes,
                     " sections, paragraphs and sentences; split it or raise the limit"));
    return 0;
  }
  nodes_.push_back({kind, parent, nodes_[parent].level + 1, text, source});
  return static_cast<int32_t>(nodes_.size()) - 1;
}

void DocumentBuilder::BeginBlock(Block block) {
  EndBlock();
  block_ = block;
  block_begin_ = static_cast<int64_t>(text_.size());
}

void DocumentBuilder::BeginSentenceList() {
  EndBlock();
  if (!status_.ok()) return;
  const auto at = static_cast<int64_t>(text_.size());
  sentence_list_ = AddNode(NodeKind::kParagraph, Container(), {at, at}, {});
}

void DocumentBuilder::BeginSentence(int64_t source_begin) {
  BeginBlock(Block::kSentence);
  sentence_source_begin_ = source_begin;
}

void DocumentBuilder::EndSentenceList() {
  EndBlock();
  if (status_.ok() && static_cast<int32_t>(nodes_.size()) == sentence_list_ + 1) nodes_.pop_back();
  sentence_list_ = -1;
}

void DocumentBuilder::EndBlock() {
  const Block block = std::exchange(block_, Block::kNone);
  const bool has_text = std::exchange(block_has_text_, false);
  space_pending_ = space_has_no_byte_ = false;
  if (!status_.ok() || block == Block::kNone || (!has_text && block != Block::kSentence)) return;
  const ByteSpan span{block_begin_, static_cast<int64_t>(text_.size())};
  if (block == Block::kSentence) {
    AddNode(
        NodeKind::kSentence, sentence_list_, span,
        has_text ? map_.ToSource(span) : ByteSpan{sentence_source_begin_, sentence_source_begin_});
    return;
  }
  const std::string_view text = std::string_view(text_).substr(span.begin);
  const int32_t container = Container();
  sentences_.clear();
  if (block == Block::kParagraph) {
    splitter_.Split(text, sentences_);
  } else if (const ByteSpan trimmed = TrimWhiteSpace(text); !trimmed.empty()) {
    sentences_.push_back(trimmed);
  }
  if (sentences_.empty()) return;
  const auto add_leaf = [&](NodeKind kind, int32_t parent, ByteSpan part) {
    const ByteSpan leaf{span.begin + part.begin, span.begin + part.end};
    AddNode(kind, parent, leaf, map_.ToSource(leaf));
  };
  const bool is_first_child = static_cast<int32_t>(nodes_.size()) == container + 1;
  if (block == Block::kHeading && is_first_child) {
    add_leaf(NodeKind::kHeading, container, sentences_.front());
    return;
  }
  const int32_t paragraph = AddNode(NodeKind::kParagraph, container, {}, {});
  for (const ByteSpan sentence : sentences_) {
    if (status_.ok()) add_leaf(NodeKind::kSentence, paragraph, sentence);
  }
}

void DocumentBuilder::AddText(std::string_view piece) {
  if (!status_.ok() || piece.empty()) return;
  if (block_ == Block::kNone) BeginParagraph();
  if (block_ == Block::kSentence) {
    StartRun(PlaceOf(piece.substr(0, 1)).begin);
    AppendPiece(piece);
    return;
  }
  const size_t size = piece.size();
  for (size_t i = 0; i < size;) {
    size_t end = i + 1;
    if (IsSpaceAscii(piece[i])) {
      while (end < size && IsSpaceAscii(piece[end])) ++end;
      KeepSpace(PlaceOf(piece.substr(i, end - i)));
      i = end;
      continue;
    }
    // A single white space between words is copied with them: one run of the map for the whole.
    bool other_than_blank = false;
    bool folds = false;
    while (end < size && !folds) {
      end += PlainPrefix(piece.substr(end));
      for (const size_t stop = std::min(end + kScanBlock, size); end < stop; ++end) {
        if (!IsSpaceAscii(piece[end])) continue;
        folds = end + 1 == size || IsSpaceAscii(piece[end + 1]);
        if (folds) break;
        other_than_blank |= piece[end] != ' ';
      }
    }
    StartRun(PlaceOf(piece.substr(i, 1)).begin);
    const size_t text_begin = text_.size();
    AppendPiece(piece.substr(i, end - i));
    if (other_than_blank) {
      std::replace_if(text_.begin() + static_cast<std::ptrdiff_t>(text_begin), text_.end(),
                      IsSpaceAscii, ' ');
    }
    i = end;
  }
}

void DocumentBuilder::AddText(std::string_view text, ByteSpan source) {
  if (!status_.ok() || text.empty()) return;
  if (block_ == Block::kNone) BeginParagraph();
  const bool fold = block_ != Block::kSentence;
  if (fold && std::all_of(text.begin(), text.end(), IsSpaceAscii)) {
    KeepSpace(source);
    return;
  }
  StartRun(source.begin);
  const size_t text_begin = text_.size();
  text_.append(text);
  if (fold) {
    std::replace_if(text_.begin() + static_cast<std::ptrdiff_t>(text_begin), text_.end(),
                    IsSpaceAscii, ' ');
  }
  auto size = static_cast<int64_t>(text.size());
  if (size > 1 && size == source.size()) {
    // Two runs, each for the whole of `source`: one of its size would pass for copied.
    map_.Append(1, source);
    --size;
  }
  map_.Append(size, source);
  last_source_end_ = source.end;
  CheckTextSize();
}

void DocumentBuilder::AddSpace() {
  if (!block_has_text_ || block_ == Block::kSentence) return;
  space_pending_ = space_has_no_byte_ = true;
}

void DocumentBuilder::KeepSpace(ByteSpan source) {
  if (!block_has_text_) return;
  space_source_ = space_pending_ ? Union(space_source_, source) : source;
  space_pending_ = true;
}

ByteSpan DocumentBuilder::GapBefore(int64_t source_begin) const {
  return {std::min(last_source_end_, source_begin), source_begin};
}

void DocumentBuilder::StartRun(int64_t source_begin) {
  if (!block_has_text_) {
    block_has_text_ = true;
    if (!text_.empty()) {
      text_.push_back('\n');
      map_.Append(1, GapBefore(source_begin));
    }
    block_begin_ = static_cast<int64_t>(text_.size());
  } else if (space_pending_) {
    text_.push_back(' ');
    map_.Append(1, space_has_no_byte_ ? GapBefore(source_begin) : space_source_);
  }
  space_pending_ = space_has_no_byte_ = false;
}

void DocumentBuilder::AppendPiece(std::string_view piece) {
  text_.append(piece);
  const ByteSpan source = PlaceOf(piece);
  if (overlay_map_ != nullptr) {
    const int64_t begin = piece.data() - overlay_.data();
    map_.AppendRange(*overlay_map_, {begin, begin + static_cast<int64_t>(piece.size())});
  } else {
    map_.Append(source.size(), source);
  }
  last_source_end_ = source.end;
  CheckTextSize();
}

void DocumentBuilder::CheckTextSize() {
  if (static_cast<int64_t>(text_.size()) <= limits_.max_source_bytes) return;
  status_ = absl::ResourceExhaustedError(absl::StrCat(
      "the text of the document grows past max_source_bytes = ", limits_.max_source_bytes,
      " as its entities are expanded"));
}

void DocumentBuilder::SetOverlay(std::string_view decoded, const SourceMap* map) {
  overlay_ = decoded;
  overlay_map_ = map;
}

ByteSpan DocumentBuilder::PlaceOf(std::string_view piece) const {
  const std::string_view base = overlay_map_ != nullptr ? overlay_ : source_;
  const int64_t begin = piece.data() - base.data();
  const ByteSpan span{begin, begin + static_cast<int64_t>(piece.size())};
  return overlay_map_ != nullptr ? overlay_map_->ToSource(span) : span;
}

absl::StatusOr<DocumentTree> DocumentBuilder::Build() {
  EndBlock();
  if (!status_.ok()) return status_;
  SpanInnerNodes();
  const auto source_size = static_cast<int64_t>(source_.size());
  nodes_[0].text = {0, static_cast<int64_t>(text_.size())};
  nodes_[0].source = {0, source_size};
  return DocumentTree(std::move(text_), std::move(map_), std::move(nodes_), source_size);
}

// An inner node spans its children: children follow their parent, so one pass from the back does.
void DocumentBuilder::SpanInnerNodes() {
  std::vector<bool> has_child(nodes_.size());
  for (size_t i = nodes_.size(); i-- > 1;) {
    const Node& node = nodes_[i];
    Node& parent = nodes_[node.parent];
    const bool is_first = !has_child[node.parent];
    has_child[node.parent] = true;
    parent.text = is_first ? node.text : Union(parent.text, node.text);
    parent.source =
        is_first && parent.source.empty() ? node.source : Union(parent.source, node.source);
  }
}

}  // namespace strata::models

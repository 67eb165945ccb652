// What all readers build a DocumentTree with: they say where sections and blocks begin and hand in
// the text piece by piece with its place in the source; the builder folds white space, splits
// sentences, keeps the source map and enforces the limits.
#ifndef STRATA_MODELS_DOCUMENT_DOCUMENT_BUILDER_H_
#define STRATA_MODELS_DOCUMENT_DOCUMENT_BUILDER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/document/document_reader.h"
#include "models/document/document_tree.h"
#include "models/document/sentence_splitter.h"

namespace strata::models {

// Once a limit is reached every call but status() and Build() does nothing. One a thread.
class DocumentBuilder {
 public:
  // `source` must outlive the builder.
  DocumentBuilder(std::string_view source, const ReaderLimits& limits, SentenceSplitter splitter);

  // Not OK once a limit was reached; readers may ask from time to time and stop early.
  const absl::Status& status() const { return status_; }

  // A section in reading order: ends the open sections of the same or a larger rank (1 = outermost)
  // up to the innermost Enter…(). `source`: more than its children cover, if known.
  void OpenSection(int32_t rank, ByteSpan source = {});
  // A section that lasts until its Leave(); EnterScope() only keeps ranks apart, without a node.
  void EnterSection(ByteSpan source = {});
  void EnterScope();
  void Leave();

  // A block of text: a heading or a paragraph. Begin… ends the block that is open; a block without
  // text leaves no node. A heading that is not first in its section is kept as a paragraph.
  void BeginHeading() { BeginBlock(Block::kHeading); }
  void BeginParagraph() { BeginBlock(Block::kParagraph); }
  void EndBlock();
  bool in_block() const { return block_ != Block::kNone; }

  // A paragraph whose sentences are given: each BeginSentence() … EndBlock() is kept byte for byte,
  // an empty one too.
  // `source_begin`: where an empty one stands.
  void BeginSentenceList();
  void BeginSentence(int64_t source_begin);
  void EndSentenceList();

  // Bytes of the source (or of the overlay) as they are; `piece` must point into it.
  void AddText(std::string_view piece);
  // Text that stands for `source`: a decoded entity or escape.
  void AddText(std::string_view text, ByteSpan source);
  // A boundary between words that no byte of the text stands for: <br>, the next table cell.
  void AddSpace();

  // Until the overlay is cleared with nullptr, AddText(piece) takes views into `decoded`, whose
  // places `map` tells. Both must live as long.
  void SetOverlay(std::string_view decoded, const SourceMap* map);

  // Where a view into the source (or the overlay) stands in the source.
  ByteSpan PlaceOf(std::string_view piece) const;

  // Ends all that is open. The builder is used up.
  absl::StatusOr<DocumentTree> Build();

 private:
  enum class Block : uint8_t { kNone, kHeading, kParagraph, kSentence };
  struct OpenLevel {
    int32_t rank;       // 0: ends with Leave() only
    int32_t node;       // -1: a scope, or a section past max_depth that joined its ancestor
    int32_t container;  // `node`, or the innermost one around it: what new blocks belong to
  };

  void BeginBlock(Block block);
  void PushSection(int32_t rank, ByteSpan source);
  int32_t AddNode(NodeKind kind, int32_t parent, ByteSpan text, ByteSpan source);
  int32_t Container() const { return levels_.back().container; }
  void AppendPiece(std::string_view piece);
  void StartRun(int64_t source_begin);
  void KeepSpace(ByteSpan source);
  ByteSpan GapBefore(int64_t source_begin) const;
  void CheckTextSize();
  void SpanInnerNodes();

  std::string_view source_;
  ReaderLimits limits_;
  SentenceSplitter splitter_;
  absl::Status status_;

  std::string text_;
  SourceMap map_;
  std::vector<Node> nodes_;
  std::vector<OpenLevel> levels_;
  int32_t depth_ = 0;  // levels_ with a node
  int32_t sentence_list_ = -1;
  std::vector<ByteSpan> sentences_;  // scratch

  std::string_view overlay_;
  const SourceMap* overlay_map_ = nullptr;

  Block block_ = Block::kNone;
  bool block_has_text_ = false;
  int64_t block_begin_ = 0;  // in text_
  int64_t sentence_source_begin_ = 0;
  int64_t last_source_end_ = 0;  // of the last text that was added
  bool space_pending_ = false;
  bool space_has_no_byte_ = false;  // came from AddSpace(): stands for the gap
  ByteSpan space_source_;
};

}  // namespace strata::models

#endif  // STRATA_MODELS_DOCUMENT_DOCUMENT_BUILDER_H_

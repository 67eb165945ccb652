#include "models/document/document_tree.h"

#include <algorithm>

namespace strata::models {

std::string_view NodeKindName(NodeKind kind) {
  switch (kind) {
    case NodeKind::kDocument:
      return "document";
    case NodeKind::kSection:
      return "section";
    case NodeKind::kHeading:
      return "heading";
    case NodeKind::kParagraph:
      return "paragraph";
    case NodeKind::kSentence:
      return "sentence";
    case NodeKind::kToken:
      return "token";
  }
  return "unknown";
}

void SourceMap::Append(int64_t text_size, ByteSpan source) {
  if (text_size <= 0) return;
  if (!runs_.empty()) {
    Run& last = runs_.back();
    if (source.begin < last.source.begin || source.end < last.source.end) {
      in_source_order_ = false;
    }
    const bool both_copied = last.text_size == last.source.size() && text_size == source.size();
    if (both_copied && last.source.end == source.begin) {
      last.text_size += text_size;
      last.source.end = source.end;
      text_size_ += text_size;
      return;
    }
  }
  runs_.push_back({text_size_, text_size, source});
  text_size_ += text_size;
}

void SourceMap::AppendRange(const SourceMap& other, ByteSpan text) {
  for (size_t i = other.FindRun(text.begin); i < other.runs_.size(); ++i) {
    const Run& run = other.runs_[i];
    if (run.text_begin >= text.end) break;
    const int64_t begin = std::max(text.begin, run.text_begin);
    const int64_t end = std::min(text.end, run.text_begin + run.text_size);
    if (begin < end) Append(end - begin, Part(run, begin, end));
  }
}

ByteSpan SourceMap::ToSource(ByteSpan text) const {
  if (runs_.empty()) return {};
  const int64_t begin = std::clamp<int64_t>(text.begin, 0, text_size_);
  const int64_t end = std::clamp<int64_t>(text.end, begin, text_size_);
  const size_t first = FindRun(begin);
  if (begin == end) {
    if (first == runs_.size()) return {runs_.back().source.end, runs_.back().source.end};
    const int64_t point = Part(runs_[first], begin, begin).begin;
    return {point, point};
  }
  const size_t last = FindRun(end - 1);
  ByteSpan span = Part(runs_[first], begin, std::min(end, TextEnd(runs_[first])));
  const auto widen = [&span](ByteSpan part) {
    span = {std::min(span.begin, part.begin), std::max(span.end, part.end)};
  };
  if (!in_source_order_) {
    for (size_t i = first + 1; i < last; ++i) widen(runs_[i].source);
  }
  widen(Part(runs_[last], std::max(begin, runs_[last].text_begin), end));
  return span;
}

ByteSpan SourceMap::Part(const Run& run, int64_t begin, int64_t end) {
  if (run.text_size != run.source.size()) return run.source;
  const int64_t shift = run.source.begin - run.text_begin;
  return {begin + shift, end + shift};
}

size_t SourceMap::FindRun(int64_t text_offset) const {
  const auto after =
      std::upper_bound(runs_.begin(), runs_.end(), text_offset,
                       [](int64_t offset, const Run& run) { return offset < TextEnd(run); });
  return static_cast<size_t>(after - runs_.begin());
}

}  // namespace strata::models

#include "models/hat/hat_segmentation.h"

#include <algorithm>

namespace strata::models {

std::vector<TokenRange> CutUniformly(int64_t num_tokens, int64_t room, int64_t overlap) {
  std::vector<TokenRange> ranges;
  for (int64_t begin = 0; begin < num_tokens; begin += room - overlap) {
    const int64_t end = std::min(begin + room, num_tokens);
    ranges.push_back({begin, end});
    if (end == num_tokens) break;  // what would follow is only overlap
  }
  return ranges;
}

std::vector<TokenRange> GroupSentences(absl::Span<const int64_t> sentence_lengths, int64_t room) {
  std::vector<TokenRange> ranges;
  TokenRange open;
  for (int64_t length : sentence_lengths) {
    if (open.end - open.begin + length > room && open.end > open.begin) {
      ranges.push_back(open);
      open.begin = open.end;
    }
    open.end += length;
    for (; open.end - open.begin > room; open.begin += room) {
      ranges.push_back({open.begin, open.begin + room});
    }
  }
  if (open.end > open.begin) ranges.push_back(open);
  return ranges;
}

std::vector<TokenRange> CutAtSentences(absl::Span<const int64_t> sentence_lengths, int64_t room) {
  std::vector<TokenRange> ranges;
  int64_t begin = 0;
  for (int64_t length : sentence_lengths) {
    for (const TokenRange& range : CutUniformly(length, room)) {
      ranges.push_back({begin + range.begin, begin + range.end});
    }
    begin += length;
  }
  return ranges;
}

std::vector<TokenRange> GroupSentencesAsReference(absl::Span<const int64_t> sentence_lengths,
                                                  int64_t room, int64_t max_segments) {
  std::vector<TokenRange> ranges;
  const auto is_full = [&] { return static_cast<int64_t>(ranges.size()) >= max_segments; };
  const auto close = [&](const TokenRange& range) {
    ranges.push_back({range.begin, std::min(range.end, range.begin + room)});
  };
  TokenRange open;
  for (int64_t length : sentence_lengths) {
    if (is_full()) break;
    const TokenRange sentence{open.end, open.end + length};
    if (open.end - open.begin + length <= room) {
      open.end = sentence.end;
    } else if (open.end > open.begin) {
      close(open);
      open = sentence;
    } else {
      close(sentence);
      open = {std::min(sentence.begin + room + 1, sentence.end), sentence.end};
    }
  }
  if (open.end > open.begin && !is_full()) close(open);
  return ranges;
}

}  // namespace strata::models

#include "models/hat/hat_document.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

// The reference's constant, whatever k is.
constexpr int64_t kLastFromEnd = 128;

bool SameToken(const HatToken& a, const HatToken& b) {
  return a.id == b.id && a.position == b.position && a.type == b.type;
}

// Tokens of an empty segment that are computed alike become one; `kept` places stay by themselves.
std::vector<HatToken> MergeEqualTokens(const std::vector<HatToken>& tokens,
                                       const std::vector<int64_t>& kept) {
  std::vector<HatToken> merged;
  std::vector<size_t> representatives;  // places in `merged`
  for (size_t t = 0; t < tokens.size(); ++t) {
    if (std::find(kept.begin(), kept.end(), static_cast<int64_t>(t)) != kept.end()) {
      merged.push_back(tokens[t]);
      continue;
    }
    const auto same =
        std::find_if(representatives.begin(), representatives.end(),
                     [&](size_t place) { return SameToken(merged[place], tokens[t]); });
    if (same != representatives.end()) {
      ++merged[*same].copies;
    } else {
      representatives.push_back(merged.size());
      merged.push_back(tokens[t]);
    }
  }
  return merged;
}

bool SameSegment(const HatSegment& a, const HatSegment& b) {
  return a.tokens.size() == b.tokens.size() &&
         std::equal(a.tokens.begin(), a.tokens.end(), b.tokens.begin(),
                    [](const HatToken& x, const HatToken& y) {
                      return SameToken(x, y) && x.copies == y.copies &&
                             x.is_attended == y.is_attended;
                    });
}

// A segment of k padded tokens with the rows that matter. `last`: place of the token that pooling
// reads, or -1. With relative positions no two tokens are alike, since their distances get
// gradients.
HatSegment KeepWhatIsRead(const HatConfig& config, const std::vector<HatToken>& padded,
                          int64_t last) {
  HatSegment segment;
  const bool is_empty = std::none_of(padded.begin(), padded.end(),
                                     [](const HatToken& token) { return token.is_attended; });
  if (is_empty) {
    segment.tokens = config.position_embedding_type == HatPositions::kAbsolute
                         ? MergeEqualTokens(padded, {0, last})
                         : padded;
    return segment;
  }
  for (size_t t = 0; t < padded.size(); ++t) {
    if (padded[t].is_attended || t == 0 || static_cast<int64_t>(t) == last) {
      segment.tokens.push_back(padded[t]);
    }
  }
  return segment;
}

bool IsEmpty(const HatSegment& segment) {
  return std::none_of(segment.tokens.begin(), segment.tokens.end(),
                      [](const HatToken& token) { return token.is_attended; });
}

// Adds a segment to the document, as a copy of an equal empty one where it may be: with relative
// positions its number counts, and the one that `last` reads has a row more.
void AddSegment(const HatConfig& config, HatSegment segment, bool holds_last,
                HatDocument& document) {
  const auto place = static_cast<int32_t>(document.segments.size());
  if (config.position_embedding_type == HatPositions::kAbsolute && !holds_last &&
      IsEmpty(segment)) {
    const auto same =
        std::find_if(document.segments.begin(), document.segments.end(),
                     [&](const HatSegment& other) { return SameSegment(segment, other); });
    if (same != document.segments.end()) {
      ++same->copies;
      document.place_of_segment.push_back(static_cast<int32_t>(same - document.segments.begin()));
      return;
    }
  }
  document.segments.push_back(std::move(segment));
  document.place_of_segment.push_back(place);
}

absl::Status CheckRow(const HatConfig& config, const PaddedHatRow& row, bool reads_last) {
  const auto length = static_cast<int64_t>(row.ids.size());
  const int64_t k = config.max_sentence_length;
  if (length == 0 || length % k != 0 || length / k > config.max_sentences) {
    return absl::InvalidArgumentError(absl::StrCat("a row of ", length, " tokens is not 1 to ",
                                                   config.max_sentences, " segments of ", k,
                                                   " tokens (max_sentences, max_sentence_length)"));
  }
  const std::pair<const char*, absl::Span<const int32_t>> parts[] = {
      {"attention_mask", row.mask}, {"token_type_ids", row.types}, {"position_ids", row.positions}};
  for (const auto& [name, part] : parts) {
    if (!part.empty() && part.size() != row.ids.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, " has ", part.size(), " entries in a row of ", length, " tokens"));
    }
  }
  if (reads_last && length < kLastFromEnd) {
    return absl::InvalidArgumentError(absl::StrCat("pooling 'last' reads the token ", kLastFromEnd,
                                                   " before the end, the row has only ", length));
  }
  return absl::OkStatus();
}

}  // namespace

int32_t HatTokenPosition(const HatConfig& config, int32_t id, int32_t index) {
  return id == config.pad_token_id ? 0 : index + config.pad_token_id + 1;
}

absl::StatusOr<HatDocument> DocumentOfPaddedRow(const HatConfig& config, const PaddedHatRow& row,
                                                bool reads_last) {
  if (absl::Status status = CheckRow(config, row, reads_last); !status.ok()) return status;
  const int32_t k = config.max_sentence_length;
  const int64_t last = reads_last ? static_cast<int64_t>(row.ids.size()) - kLastFromEnd : -1;
  HatDocument document;
  std::vector<HatToken> padded(static_cast<size_t>(k));
  for (int32_t j = 0; j * int64_t{k} < static_cast<int64_t>(row.ids.size()); ++j) {
    for (int32_t t = 0; t < k; ++t) {
      const size_t at = static_cast<size_t>(j) * static_cast<size_t>(k) + static_cast<size_t>(t);
      HatToken& token = padded[static_cast<size_t>(t)];
      token.id = row.ids[at];
      token.position =
          row.positions.empty() ? HatTokenPosition(config, token.id, t) : row.positions[at];
      token.type = row.types.empty() ? 0 : row.types[at];
      token.index = t;
      token.is_attended = row.mask.empty() || row.mask[at] != 0;
    }
    const bool holds_last = reads_last && last / k == j;
    HatSegment segment = KeepWhatIsRead(config, padded, holds_last ? last % k : -1);
    segment.index = j;
    segment.cross_position = padded[0].is_attended ? j + 1 : 0;
    if (holds_last) {
      document.last_segment = static_cast<int32_t>(document.segments.size());
      const auto found =
          std::find_if(segment.tokens.begin(), segment.tokens.end(),
                       [&](const HatToken& token) { return token.index == last % k; });
      document.last_token = static_cast<int32_t>(found - segment.tokens.begin());
    }
    AddSegment(config, std::move(segment), holds_last, document);
  }
  return document;
}

void PadWithEmptySegments(const HatConfig& config, int32_t num_segments, HatDocument& document) {
  std::vector<HatToken> padded(static_cast<size_t>(config.max_sentence_length));
  for (int32_t t = 0; t < config.max_sentence_length; ++t) {
    HatToken& token = padded[static_cast<size_t>(t)];
    token.id = config.pad_token_id;
    token.index = t;
    token.is_attended = false;
  }
  for (auto j = static_cast<int32_t>(document.place_of_segment.size()); j < num_segments; ++j) {
    HatSegment segment = KeepWhatIsRead(config, padded, -1);
    segment.index = j;
    AddSegment(config, std::move(segment), /*holds_last=*/false, document);
  }
}

}  // namespace strata::models

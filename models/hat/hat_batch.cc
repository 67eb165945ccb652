#include "models/hat/hat_batch.h"

#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

// Collects the groups of n rows and makes their plan.
class SetsBuilder {
 public:
  SetsBuilder(int64_t num_rows, AttentionSets& sets)
      : sets_(sets), parents_(static_cast<size_t>(num_rows), -1) {
    sets_.indices.resize(static_cast<size_t>(num_rows));
  }

  void SetIndex(int32_t row, int32_t index) { sets_.indices[static_cast<size_t>(row)] = index; }

  // Rows of one segment, or the first tokens of one document. `copies` are those of `unattended`.
  void Add(std::vector<int32_t> attended, std::vector<int32_t> unattended,
           std::vector<int32_t> copies) {
    if (attended.empty()) {
      if (unattended.empty()) return;
      AttentionGroup& group = sets_.guests.emplace_back();
      group.queries = group.keys = std::move(unattended);
      group.key_copies = std::move(copies);
      group.is_uniform = true;
      return;
    }
    for (size_t i = 1; i < attended.size(); ++i) {
      parents_[static_cast<size_t>(attended[i])] = attended[0];
    }
    if (!unattended.empty()) sets_.guests.push_back({std::move(unattended), attended, {}, false});
    sets_.families.push_back({attended, attended, {}, false});
  }

  absl::Status Finish(absl::Span<const int32_t> cu_seqlens) {
    auto plan = kernels::StructurePlan::Build({parents_, cu_seqlens});
    if (!plan.ok()) return plan.status();
    sets_.plan = *std::move(plan);
    return absl::OkStatus();
  }

 private:
  AttentionSets& sets_;
  std::vector<int32_t> parents_;
};

struct Sizes {
  int64_t rows = 0, attended = 0, segments = 0;
};

absl::StatusOr<Sizes> CountRows(absl::Span<const HatDocument> documents) {
  if (documents.empty()) return absl::InvalidArgumentError("a batch needs at least one document");
  Sizes sizes;
  for (size_t b = 0; b < documents.size(); ++b) {
    if (documents[b].segments.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("document ", b, " of the batch has no segment"));
    }
    for (const HatSegment& segment : documents[b].segments) {
      if (segment.tokens.empty()) {
        return absl::InvalidArgumentError(
            absl::StrCat("document ", b, " has a segment without tokens"));
      }
      sizes.rows += static_cast<int64_t>(segment.tokens.size());
      for (const HatToken& token : segment.tokens) sizes.attended += token.is_attended;
      ++sizes.segments;
    }
  }
  if (sizes.rows > std::numeric_limits<int32_t>::max() / 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("a batch of ", sizes.rows, " tokens is too large"));
  }
  return sizes;
}

}  // namespace

absl::StatusOr<HatBatch> BatchHatDocuments(absl::Span<const HatDocument> documents) {
  auto sizes = CountRows(documents);
  if (!sizes.ok()) return sizes.status();
  HatBatch batch;
  batch.num_attended = sizes->attended;
  const auto num_rows = static_cast<size_t>(sizes->rows);
  batch.token_ids.resize(num_rows);
  batch.positions.resize(num_rows);
  batch.token_types.resize(num_rows);
  batch.cu_segments = batch.cu_padded = {0};
  SetsBuilder within(sizes->rows, batch.within), across(sizes->segments, batch.across);
  std::vector<int32_t> cu_rows{0};  // attended rows of each document, then all others as one
  int32_t attended_row = 0, other_row = static_cast<int32_t>(sizes->attended);

  for (const HatDocument& document : documents) {
    const int32_t first_segment = batch.cu_segments.back();
    std::vector<int32_t> attended_firsts, other_firsts, first_copies, other_copies;
    for (size_t s = 0; s < document.segments.size(); ++s) {
      const HatSegment& segment = document.segments[s];
      const auto place = first_segment + static_cast<int32_t>(s);
      std::vector<int32_t> attended, others, copies;
      for (size_t t = 0; t < segment.tokens.size(); ++t) {
        const HatToken& token = segment.tokens[t];
        const int32_t row = token.is_attended ? attended_row++ : other_row++;
        batch.token_ids[static_cast<size_t>(row)] = token.id;
        batch.positions[static_cast<size_t>(row)] = token.position;
        batch.token_types[static_cast<size_t>(row)] = token.type;
        within.SetIndex(row, token.index);
        (token.is_attended ? attended : others).push_back(row);
        if (!token.is_attended) copies.push_back(token.copies);
        if (t == 0) batch.first_rows.push_back(row);
        if (static_cast<int32_t>(s) == document.last_segment &&
            static_cast<int32_t>(t) == document.last_token) {
          batch.last_rows.push_back(row);
          batch.last_segments.push_back(place);
        }
      }
      within.Add(std::move(attended), std::move(others), std::move(copies));
      batch.cross_positions.push_back(segment.cross_position);
      batch.segment_copies.push_back(segment.copies);
      across.SetIndex(place, segment.index);
      if (segment.tokens[0].is_attended) {
        attended_firsts.push_back(place);
      } else {
        other_firsts.push_back(place);
        other_copies.push_back(segment.copies);
      }
    }
    across.Add(std::move(attended_firsts), std::move(other_firsts), std::move(other_copies));
    cu_rows.push_back(attended_row);
    batch.cu_segments.push_back(static_cast<int32_t>(batch.first_rows.size()));
    for (int32_t place : document.place_of_segment) {
      batch.padded_segments.push_back(first_segment + place);
    }
    batch.cu_padded.push_back(static_cast<int32_t>(batch.padded_segments.size()));
  }
  if (batch.last_rows.size() != documents.size()) {
    return absl::InvalidArgumentError("a document names a last token that it does not have");
  }
  if (sizes->rows > sizes->attended) cu_rows.push_back(static_cast<int32_t>(sizes->rows));
  if (absl::Status status = within.Finish(cu_rows); !status.ok()) return status;
  if (absl::Status status = across.Finish(batch.cu_segments); !status.ok()) return status;
  return batch;
}

}  // namespace strata::models

#include "models/verify/hat_case_input.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::models {
namespace {

// An input of the case as int32 [rows, n]; undefined if the case lacks it.
absl::StatusOr<at::Tensor> ReadRows(const GoldenCase& golden, const std::string& name,
                                    const std::vector<int64_t>& shape) {
  if (!golden.input.contains(name)) return at::Tensor();
  auto tensor = golden.Input(name);
  if (!tensor.ok()) return tensor.status();
  if (tensor->sizes().vec() != shape) {
    return absl::InvalidArgumentError(absl::StrCat("input '", name, "' has shape ",
                                                   ShapeString(tensor->sizes().vec()),
                                                   ", input_ids has ", ShapeString(shape)));
  }
  return tensor->reshape({-1, shape.back()}).to(at::kInt).contiguous();
}

absl::Span<const int32_t> RowOf(const at::Tensor& rows, int64_t b) {
  if (!rows.defined()) return {};
  const auto length = static_cast<size_t>(rows.size(1));
  return {rows.const_data_ptr<int32_t>() + static_cast<size_t>(b) * length, length};
}

// Writes each family's map at the places that its rows have in `padded` [blocks, H, n, n]. A row
// has a block and an index in it.
at::Tensor PadMaps(const std::vector<at::Tensor>& maps, const std::vector<AttentionGroup>& families,
                   const std::vector<int64_t>& block_of_row, const std::vector<int32_t>& indices,
                   at::Tensor padded) {
  for (size_t f = 0; f < maps.size(); ++f) {
    std::vector<int64_t> places;
    for (int32_t row : families[f].queries) places.push_back(indices[static_cast<size_t>(row)]);
    const at::Tensor at = at::tensor(places, at::kLong);
    at::Tensor block = padded[block_of_row[static_cast<size_t>(families[f].queries[0])]];
    block.index_put_({at::indexing::Slice(), at.unsqueeze(1), at.unsqueeze(0)}, maps[f]);
  }
  return padded;
}

}  // namespace

absl::StatusOr<HatCaseInput> ReadHatCaseInput(const GoldenCase& golden, const HatConfig& config,
                                              bool reads_last, const std::string& prefix) {
  auto whole = golden.Input(prefix + "input_ids");
  if (!whole.ok()) return whole.status();
  HatCaseInput input;
  input.shape = whole->sizes().vec();
  if (input.shape.size() < 2 || input.shape.size() > 3 || whole->numel() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("input_ids has shape ", ShapeString(input.shape),
                     ", [documents, length] or [questions, choices, length] was expected"));
  }
  auto ids = ReadRows(golden, prefix + "input_ids", input.shape);
  if (!ids.ok()) return ids.status();
  auto mask = ReadRows(golden, "attention_mask", input.shape);
  if (!mask.ok()) return mask.status();
  auto types = ReadRows(golden, "token_type_ids", input.shape);
  if (!types.ok()) return types.status();
  auto positions = ReadRows(golden, "position_ids", input.shape);
  if (!positions.ok()) return positions.status();
  input.num_rows = ids->size(0);
  input.length = ids->size(1);
  input.real = mask->defined() ? *mask != 0 : at::ones(ids->sizes(), at::kBool);
  std::vector<HatDocument> documents;
  for (int64_t b = 0; b < input.num_rows; ++b) {
    auto document = DocumentOfPaddedRow(
        config, {RowOf(*ids, b), RowOf(*mask, b), RowOf(*types, b), RowOf(*positions, b)},
        reads_last);
    if (!document.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("document ", b, ": ", document.status().message()));
    }
    documents.push_back(*std::move(document));
  }
  auto batch = BatchHatDocuments(documents);
  if (!batch.ok()) return batch.status();
  input.batch = *std::move(batch);
  return input;
}

at::Tensor PadHatRows(const at::Tensor& values, const HatCaseInput& input) {
  std::vector<int64_t> shape = values.sizes().vec();
  shape[0] = input.length;
  shape.insert(shape.begin(), input.num_rows);
  at::Tensor padded = at::zeros(shape, values.options());
  padded.index_put_({input.real}, values.narrow(0, 0, input.batch.num_attended));
  return padded;
}

at::Tensor PadHatMapsWithin(const std::vector<at::Tensor>& maps, const HatConfig& config,
                            const HatCaseInput& input) {
  const int64_t k = config.max_sentence_length, segments = input.length / k;
  // The attended rows are the masked-in tokens in order.
  const at::Tensor flat = at::nonzero(input.real.reshape(-1)).reshape(-1).contiguous();
  std::vector<int64_t> block_of_row;
  for (int64_t t = 0; t < flat.size(0); ++t) {
    block_of_row.push_back(flat.const_data_ptr<int64_t>()[t] / k);
  }
  return PadMaps(maps, input.batch.within.families, block_of_row, input.batch.within.indices,
                 at::zeros({input.num_rows * segments, config.num_attention_heads, k, k}));
}

at::Tensor PadHatMapsAcross(const std::vector<at::Tensor>& maps, const HatConfig& config,
                            const HatCaseInput& input) {
  const int64_t segments = input.length / config.max_sentence_length;
  std::vector<int64_t> block_of_row;
  for (int64_t b = 0; b < input.num_rows; ++b) {
    block_of_row.resize(static_cast<size_t>(input.batch.cu_segments[b + 1]), b);
  }
  return PadMaps(maps, input.batch.across.families, block_of_row, input.batch.across.indices,
                 at::zeros({input.num_rows, config.num_attention_heads, segments, segments}));
}

}  // namespace strata::models

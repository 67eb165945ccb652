// The stages of a Swin Transformer: blocks of window attention, every second one shifted, and the
// merging of 2×2 neighbours between stages. What stands before and behind it is the architecture's.
//
// Source: Swin Transformer (arXiv 2103.14030) §3; its official code, transformers 5, timm 1.0,
// which differ in names, in where a merging belongs, and in what happens to small and odd grids.
#ifndef STRATA_MODELS_LAYERS_SWIN_TRUNK_H_
#define STRATA_MODELS_LAYERS_SWIN_TRUNK_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/layers/transformer_layer.h"
#include "models/layers/weight_table.h"
#include "models/layers/window_attention.h"

namespace strata::models {

enum class SwinFlavor : uint8_t {
  // A grid whose shorter side is not above the window: one window of that side, no shift. Mergings
  // belong to the end of a stage. Padding before the shift.
  kOfficial,      // names of the official code; tables of the size that the window ends up with
  kTransformers,  // names of transformers; tables of the configured window
  // Each axis by itself: window min(w, side), no shift where the side is not above the window, by
  // the
  // grid that the tables are made for. Mergings belong to the begin of the next stage. Padding
  // after
  // the shift.
  kTimm,
};

struct SwinSpec {
  SwinFlavor flavor = SwinFlavor::kOfficial;
  int64_t embed_dim = 96;  // C0; stage i has C0·2^i channels
  std::vector<int32_t> depths = {2, 2, 6, 2};
  std::vector<int32_t> num_heads = {3, 6, 12, 24};
  int64_t window = 7;
  std::vector<Extent> stage_windows;  // one for each stage, of any shape; empty: `window` for all
  bool always_partition = false;      // kTimm: no window is made smaller, small grids are padded
  int64_t grid_height = 56, grid_width = 56;  // that the tables are made for
  double mlp_ratio = 4;
  bool qkv_bias = true;
  double epsilon = 1e-5;  // of the block norms; that of the mergings is 1e-5
  Activation activation = Activation::kGelu;

  int64_t num_stages() const { return static_cast<int64_t>(depths.size()); }
  int64_t channels(int64_t stage) const { return embed_dim << stage; }
  Extent window_of(int64_t stage) const {
    return stage_windows.empty() ? Extent{window, window}
                                 : stage_windows[static_cast<size_t>(stage)];
  }
};

// INVALID_ARGUMENT: heads that do not divide the channels, lists of different lengths, sizes out of
// range; all before anything is allocated. `where` stands in front of messages.
absl::Status CheckSwinSpec(const SwinSpec& spec, const std::string& where);

// How stage `stage` cuts a grid of that size; `shifted`: its second, fourth, … block.
// INVALID_ARGUMENT: a grid for which the stage's tables are too small or too large.
absl::StatusOr<WindowSpec> SwinWindow(const SwinSpec& spec, int64_t stage, int64_t height,
                                      int64_t width, bool shifted);

struct SwinBlock {
  TransformerLayer layer;  // pre-norm
  at::Tensor bias_table;   // [(2h−1)·(2w−1), heads]
};

struct PatchMerging {
  Norm norm;         // [4C]
  Linear reduction;  // [2C, 4C]
};

struct SwinStage {
  std::vector<SwinBlock> blocks;
  PatchMerging merging;  // after the blocks; empty in the last stage
};

// All weights allocated: matrices normal(0, 0.02), norms 1, biases and tables 0.
std::vector<SwinStage> InitialSwinStages(const SwinSpec& spec);

// The structure alone, no tensor allocated: for LoadNewWeights.
std::vector<SwinStage> EmptySwinStages(const SwinSpec& spec);

// Appends the entries of all stages, allocated or not; `prefix` stands before "layers.0…". The
// stages must outlive the table.
void AddSwinWeights(const SwinSpec& spec, const std::string& prefix, std::vector<SwinStage>& stages,
                    std::vector<WeightEntry>& table);

// Buffers that old checkpoints carry and that follow from the configuration.
bool IsDerivedSwinKey(const std::string& key);

struct SwinForwardOptions {
  std::function<bool()> cancelled;  // asked between blocks
  // Gets the attention probabilities of the last stage's blocks, [B · windows, heads, N, N] each.
  std::vector<at::Tensor>* last_probabilities = nullptr;
  // Get what the blocks of each stage give, and what the mergings between them hand on.
  std::vector<at::Tensor>* stage_outputs = nullptr;
  std::vector<at::Tensor>* merged_outputs = nullptr;
};

// x [B, H, W, C0] → [B, H', W', C of the last stage]. INVALID_ARGUMENT: SwinWindow. CANCELLED.
// Differentiable; thread-safe.
absl::StatusOr<at::Tensor> RunSwinStages(const SwinSpec& spec, const std::vector<SwinStage>& stages,
                                         at::Tensor x, const SwinForwardOptions& options = {});

}  // namespace strata::models

#endif  // STRATA_MODELS_LAYERS_SWIN_TRUNK_H_

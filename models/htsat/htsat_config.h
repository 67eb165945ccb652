// The configuration of an HTS-AT checkpoint, with the field names of the repository's config.py.
//
// Source: RetroCirce/HTS-Audio-Transformer (arXiv 2202.00874), config.py; defaults are that file's
// (AudioSet). Checkpoints carry no configuration of their own, so config.json holds these values.
#ifndef STRATA_MODELS_HTSAT_HTSAT_CONFIG_H_
#define STRATA_MODELS_HTSAT_HTSAT_CONFIG_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/layers/mel_spectrogram.h"
#include "models/layers/spectrogram_image.h"
#include "models/layers/swin_trunk.h"

namespace strata::models {

struct HtsatConfig {
  int32_t classes_num = 527;
  MelSpectrogramSpec mel;  // sample_rate, window_size, hop_size, mel_bins, fmin, fmax
  SpectrogramImageSpec image;
  SwinSpec swin;
  int32_t patch_size = 4;
  std::array<int32_t, 2> stride = {4, 4};  // of the patches: frequency, time
  bool enable_tscam = true;                // token-semantic head
  bool enable_repeat_mode = false;         // each quarter of a clip by itself, four times over
  bool attn_heatmap = false;        // frame scores times the attention's saliency (tscam only)
  bool absolute_positions = false;  // "ape"
  // "clip_ce": clip scores are logits of one class out of all; otherwise each class is a yes or no.
  bool single_label = false;

  std::vector<std::string> labels;  // by class index, from id2label; may be empty

  int64_t grid(int axis) const { return image.size / stride[static_cast<size_t>(axis)]; }
  int64_t hidden_size() const { return swin.channels(swin.num_stages() - 1); }
  // Rows and columns of the last map.
  int64_t last_grid(int axis) const { return grid(axis) >> (swin.num_stages() - 1); }
  // Rows of a clip's timeline, and how many of them repeat one token.
  int64_t rows_per_token() const { return 8 * int64_t{stride[1]}; }
  int64_t num_rows() const { return image.ratio() * last_grid(1) * rows_per_token(); }
};

// INVALID_ARGUMENT names the field: wrong type, out of range, sizes that do not fit each other.
// UNIMPLEMENTED: norm_before_mlp "bn", which has no statistics to run with. htsat_hier_output and
// htsat_use_max are read and change nothing, as in the reference. `where` stands in front of
// messages (a file name).
absl::StatusOr<HtsatConfig> ParseHtsatConfig(const std::string& json, const std::string& where);

}  // namespace strata::models

#endif  // STRATA_MODELS_HTSAT_HTSAT_CONFIG_H_

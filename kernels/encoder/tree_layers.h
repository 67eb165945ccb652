// Encoder layers over a packed batch of trees, fused: projection, block-sparse attention and the
// rest of the layer for a tile of tokens before the next tile is looked at (see tree_tiles.h).
// Source of the attention: kernels/plan/structure_plan.h.
#ifndef STRATA_KERNELS_ENCODER_TREE_LAYERS_H_
#define STRATA_KERNELS_ENCODER_TREE_LAYERS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "hwy/aligned_allocator.h"
#include "kernels/encoder/encoder_layer.h"
#include "kernels/encoder/tree_tiles.h"
#include "kernels/launch/thread_pool.h"
#include "kernels/plan/structure_plan.h"

namespace strata::kernels {

struct TreeAttention {
  int num_heads = 0;
  int head_size = 0;
  float scale = 1;
};

// One pass over one batch: holds what is kept between tiles. For one thread at a time.
class TreeLayers {
 public:
  // INVALID_ARGUMENT: sizes that BlockSparseAttentionForward refuses.
  static absl::StatusOr<TreeLayers> Create(const StructurePlan& plan,
                                           const TreeAttention& attention, ThreadPool& pool);

  // hidden [T, C] ← the layer's output, in place. Memory beyond `hidden`: some rows a thread and
  // 5A floats a kept token. A document's rows are bit-equal alone, in any batch and for any pool
  // size. INVALID_ARGUMENT: the layer's attention size is not heads · head size.
  absl::Status Apply(const EncoderLayer& layer, float* hidden, ThreadPool& pool);

 private:
  TreeLayers(TreeTiles tiles, const TreeAttention& attention);
  void RunTile(const EncoderLayer& layer, const TreeTiles::Tile& tile, float* hidden);
  absl::Status AttendAmongKept(ThreadPool& pool);
  void FinishKept(const EncoderLayer& layer, float* hidden, ThreadPool& pool);

  using Buffer = hwy::AlignedFreeUniquePtr<float[]>;
  TreeTiles tiles_;
  TreeAttention attention_;
  int64_t attention_size_;  // A
  // M kept tokens, S of which head a local family.
  Buffer kept_qkv_;    // [M, 3A]
  Buffer kept_out_;    // [M, A]
  Buffer kept_lse_;    // [M, H]
  Buffer local_out_;   // [S, A]
  Buffer local_lse_;   // [S, H]
  Buffer joined_lse_;  // [S, H] kept_lse_ of the rows in slots
};

}  // namespace strata::kernels

#endif  // STRATA_KERNELS_ENCODER_TREE_LAYERS_H_

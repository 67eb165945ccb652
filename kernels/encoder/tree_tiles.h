// How a packed batch of trees is cut so that a whole encoder layer runs tile by tile in the caches.
//
// Most tokens lie in one family only, and that family is a short run of neighbours: the words of a
// sentence. Such a family is *local*: once the rows of its tile are projected, its attention can be
// computed and the layer finished for its words, and nothing of q, k, v outlives the tile. What
// binds tiles together are the tokens of all other families, the *kept* ones (anchors: some 5 % of
// a text): only their q, k, v and results are kept for the whole batch.
//
//   local family   contiguous members, at most kMaxLocalFamily; none but the head has children
//   kept token     member of a family that is not local
//
// A local family's head has a parent's family besides, which then is not local, unless it is a
// root. So the kept tokens with their parents are trees themselves, whose families are exactly the
// families that are not local; and a kept token's attention is that of the kept trees, joined with
// its local family's if it heads one. A batch whose trees have no local family keeps every token.
#ifndef STRATA_KERNELS_ENCODER_TREE_TILES_H_
#define STRATA_KERNELS_ENCODER_TREE_TILES_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernels/plan/structure_plan.h"

namespace strata::kernels {

// Immutable; shared by all layers of a batch. Thread-safe.
class TreeTiles {
 public:
  static constexpr int kMaxLocalFamily = 512;

  struct Tile {
    int32_t token_begin, token_end;
    int32_t family_begin, family_end;  // of local_families()
  };

  // Tiles of about `rows_per_tile` tokens, as many for each of num_threads. What a token's result
  // is does not depend on the cut. O(T). Any plan can be cut.
  static absl::StatusOr<TreeTiles> Build(const StructurePlan& plan, int num_threads,
                                         int rows_per_tile);

  int64_t num_tokens() const { return static_cast<int64_t>(kept_rows_.size()); }
  absl::Span<const Tile> tiles() const { return tiles_; }
  int largest_tile() const { return largest_tile_; }  // tokens
  // Token indices count from the tile's token_begin.
  absl::Span<const Family> local_families() const { return local_families_; }

  absl::Span<const int32_t> kept_tokens() const { return kept_tokens_; }
  absl::Span<const int32_t> kept_rows() const {
    return kept_rows_;
  }                                                               // [T] place in kept_tokens(),
                                                                  // or -1
  const StructurePlan& kept_plan() const { return *kept_plan_; }  // over the kept rows

  // Kept tokens that head a local family have a slot for its share: local_slots()[token] = slot or
  // -1, local_heads()[slot] = kept row.
  absl::Span<const int32_t> local_slots() const { return local_slots_; }
  absl::Span<const int32_t> local_heads() const { return local_heads_; }

 private:
  TreeTiles() = default;
  absl::Status Keep(const StructurePlan& plan, absl::Span<const bool> is_local);
  void Cut(const StructurePlan& plan, absl::Span<const int32_t> local_family_at, int num_tiles);

  std::vector<Tile> tiles_;
  int largest_tile_ = 0;
  std::vector<Family> local_families_;
  std::vector<int32_t> kept_tokens_, kept_rows_;
  std::shared_ptr<const StructurePlan> kept_plan_;
  std::vector<int32_t> local_slots_, local_heads_;
};

}  // namespace strata::kernels

#endif  // STRATA_KERNELS_ENCODER_TREE_TILES_H_

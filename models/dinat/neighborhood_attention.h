// Neighbourhood attention: every token attends to the K x K tokens nearest to it, D apart.
//
// On an axis of length L, a token at i = p + D·j (residue p, index j of n = ceil((L - p) / D)) sees
// the tokens p + D·(s + t), t = 0 … K-1, with s = min(max(j - K/2, 0), n - K): the neighbourhood is
// pushed inside at the borders, never cut. Both axes together: always K·K keys. A pair's score gets
// a bias by head and offset, key minus query in units of D.
//
// Sources: arXiv 2204.07143 §3.1, 2209.15001 §3; NATTEN 0.17. Plain ATen: residue classes are
// independent maps, each is cut into tiles of queries with the keys that any of them sees, and what
// a query does not see is hidden. The block-sparse kernel takes neither the bias nor
// neighbourhoods, which are no families of a tree.
#ifndef STRATA_MODELS_DINAT_NEIGHBORHOOD_ATTENTION_H_
#define STRATA_MODELS_DINAT_NEIGHBORHOOD_ATTENTION_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "models/layers/window_order.h"

namespace strata::models {

// Who attends to whom on one map, for all blocks of this kernel and dilation. Immutable.
struct NeighborhoodPlan {
  // Residue classes of equal size; q queries and k keys to a tile.
  struct Group {
    int64_t tiles = 0;  // of one class
    int64_t queries = 0, keys = 0;
    at::Tensor query_tokens;  // [classes · tiles · q]
    at::Tensor key_tokens;    // [classes · tiles · k]
    at::Tensor bias_index;  // [tiles · q · k], in the table's last axes, flattened; or past its end
  };
  std::vector<Group> groups;
  at::Tensor places;  // [T] where each token's answer stands among all groups' queries
};

// Both sides of the grid at least kernel · dilation.
NeighborhoodPlan MakeNeighborhoodPlan(Extent grid, int64_t kernel, int64_t dilation);

// qkv [B, T, 3C]: q, k and v, each head after head; tokens in raster order. bias [heads, 2K-1,
// 2K-1]. Returns [B, T, C]. Differentiable; thread-safe.
at::Tensor NeighborhoodAttention(const at::Tensor& qkv, int64_t num_heads, const at::Tensor& bias,
                                 const NeighborhoodPlan& plan);

}  // namespace strata::models

#endif  // STRATA_MODELS_DINAT_NEIGHBORHOOD_ATTENTION_H_

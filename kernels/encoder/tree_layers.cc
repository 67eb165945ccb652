#include "kernels/encoder/tree_layers.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/attention/attention_kernels.h"
#include "kernels/attention/block_sparse_attention.h"
#include "kernels/launch/target.h"
#include "kernels/launch/workspace.h"

namespace strata::kernels {
namespace {

void CopyRow(const float* from, int64_t size, float* to) { std::copy(from, from + size, to); }

size_t RoundUp16(size_t count) { return (count + 15) / 16 * 16; }

}  // namespace

absl::StatusOr<TreeLayers> TreeLayers::Create(const StructurePlan& plan,
                                              const TreeAttention& attention, ThreadPool& pool) {
  if (attention.num_heads < 1 || attention.head_size < 1 || attention.head_size > kMaxHeadSize) {
    return absl::InvalidArgumentError(
        absl::StrCat("tree layers: ", attention.num_heads, " heads of size ", attention.head_size,
                     "; at least 1 head, of size 1 to ", kMaxHeadSize));
  }
  const absl::Status target = SelectTarget();
  if (!target.ok()) return target;
  auto tiles = TreeTiles::Build(plan, pool.size(), EncoderLayer::kTileRows);
  if (!tiles.ok()) return tiles.status();
  TreeLayers layers(*std::move(tiles), attention);
  if (!layers.kept_qkv_ || !layers.kept_out_ || !layers.kept_lse_ || !layers.local_out_ ||
      !layers.local_lse_ || !layers.joined_lse_) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "tree layers: no memory for the ", layers.tiles_.kept_tokens().size(), " kept tokens"));
  }
  return layers;
}

TreeLayers::TreeLayers(TreeTiles tiles, const TreeAttention& attention)
    : tiles_(std::move(tiles)),
      attention_(attention),
      attention_size_(int64_t{attention.num_heads} * attention.head_size) {
  const int64_t kept = static_cast<int64_t>(tiles_.kept_tokens().size());
  const int64_t slots = static_cast<int64_t>(tiles_.local_heads().size());
  kept_qkv_ = AllocateFloats(kept * 3 * attention_size_);
  kept_out_ = AllocateFloats(kept * attention_size_);
  kept_lse_ = AllocateFloats(kept * attention.num_heads);
  local_out_ = AllocateFloats(slots * attention_size_);
  local_lse_ = AllocateFloats(slots * attention.num_heads);
  joined_lse_ = AllocateFloats(slots * attention.num_heads);
}

absl::Status TreeLayers::Apply(const EncoderLayer& layer, float* hidden, ThreadPool& pool) {
  if (layer.spec().attention_size != attention_size_) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tree layers: the layer's attention size is ", layer.spec().attention_size, ", ",
        attention_.num_heads, " heads of ", attention_.head_size, " make ", attention_size_));
  }
  const auto tiles = tiles_.tiles();
  pool.ParallelFor(static_cast<int64_t>(tiles.size()),
                   [&](int64_t t, int) { RunTile(layer, tiles[t], hidden); });
  const absl::Status status = AttendAmongKept(pool);
  if (!status.ok()) return status;
  FinishKept(layer, hidden, pool);
  return absl::OkStatus();
}

void TreeLayers::RunTile(const EncoderLayer& layer, const TreeTiles::Tile& tile, float* hidden) {
  const int64_t c = layer.spec().hidden_size, a = attention_size_;
  const int64_t rows = tile.token_end - tile.token_begin, most = tiles_.largest_tile();
  const size_t attention_scratch = RoundUp16(ForwardScratchSize(attention_.head_size));
  const size_t layer_scratch = RoundUp16(layer.scratch_size());
  // Attention and projection are not at work at the same time.
  const size_t shared = std::max(attention_scratch, layer_scratch);
  float* const scratch = Workspace::OfThisThread().Floats(shared + most * (4 * a + c));
  float* const qkv = scratch + shared;        // [rows, 3A]
  float* const context = qkv + most * 3 * a;  // [rows, A]
  float* const x = context + most * a;        // [words, C]

  float* const tile_hidden = hidden + tile.token_begin * c;
  layer.ProjectQkv(tile_hidden, c, rows, qkv, 3 * a, scratch);

  ForwardArgs args{};
  args.params.q = qkv;
  args.params.k = qkv + a;
  args.params.v = qkv + 2 * a;
  args.params.out = context;
  args.params.q_stride = args.params.k_stride = args.params.v_stride = 3 * a;
  args.params.out_stride = a;
  args.params.num_heads = attention_.num_heads;
  args.params.head_size = attention_.head_size;
  args.params.scale = attention_.scale;
  args.plan = {tiles_.local_families().data(), nullptr,
               tiles_.local_slots().data() + tile.token_begin};
  args.own_lse = local_lse_.get();
  const WorkItem item{WorkItem::Kind::kFamilies, tile.family_begin, tile.family_end, 0, 0, 0};
  ActiveForwardKernels().forward(args, item, scratch);

  // Words are finished; of kept tokens, what the rest of the batch needs is put by.
  const int32_t* const kept_rows = tiles_.kept_rows().data() + tile.token_begin;
  const int32_t* const local_slots = tiles_.local_slots().data() + tile.token_begin;
  int64_t words = 0;
  for (int64_t row = 0; row < rows; ++row) {
    if (kept_rows[row] >= 0) {
      CopyRow(qkv + row * 3 * a, 3 * a, kept_qkv_.get() + kept_rows[row] * 3 * a);
      if (local_slots[row] >= 0) {
        CopyRow(context + row * a, a, local_out_.get() + local_slots[row] * a);
      }
      continue;
    }
    CopyRow(tile_hidden + row * c, c, x + words * c);
    if (words < row) CopyRow(context + row * a, a, context + words * a);
    ++words;
  }
  layer.Finish(context, a, words, x, c, scratch);
  int64_t word = 0;
  for (int64_t row = 0; row < rows; ++row) {
    if (kept_rows[row] < 0) CopyRow(x + word++ * c, c, tile_hidden + row * c);
  }
}

absl::Status TreeLayers::AttendAmongKept(ThreadPool& pool) {
  if (tiles_.kept_tokens().empty()) return absl::OkStatus();
  const int64_t a = attention_size_, h = attention_.num_heads;
  AttentionParams params;
  params.q = kept_qkv_.get();
  params.k = kept_qkv_.get() + a;
  params.v = kept_qkv_.get() + 2 * a;
  params.out = kept_out_.get();
  params.lse = kept_lse_.get();
  params.q_stride = params.k_stride = params.v_stride = 3 * a;
  params.out_stride = a;
  params.num_heads = attention_.num_heads;
  params.head_size = attention_.head_size;
  params.scale = attention_.scale;
  const absl::Status status = BlockSparseAttentionForward(params, tiles_.kept_plan(), pool);
  if (!status.ok()) return status;

  const auto heads = tiles_.local_heads();
  const int64_t slots = static_cast<int64_t>(heads.size());
  for (int64_t slot = 0; slot < slots; ++slot) {
    CopyRow(kept_lse_.get() + heads[slot] * h, h, joined_lse_.get() + slot * h);
  }
  ForwardArgs args{};
  args.params = params;
  args.params.lse = nullptr;
  args.partial_out = local_out_.get();
  args.partial_lse = local_lse_.get();
  args.own_lse = joined_lse_.get();
  const auto merge = ActiveForwardKernels().merge;
  constexpr int64_t kSlotsPerTask = 64;
  pool.ParallelFor((slots + kSlotsPerTask - 1) / kSlotsPerTask, [&](int64_t task, int) {
    merge(args, heads.data(), task * kSlotsPerTask, std::min(slots, (task + 1) * kSlotsPerTask));
  });
  return absl::OkStatus();
}

void TreeLayers::FinishKept(const EncoderLayer& layer, float* hidden, ThreadPool& pool) {
  const int64_t c = layer.spec().hidden_size, a = attention_size_;
  const auto kept = tiles_.kept_tokens();
  const int64_t rows = static_cast<int64_t>(kept.size());
  const size_t layer_scratch = RoundUp16(layer.scratch_size());
  pool.ParallelForRows(rows, EncoderLayer::kTileRows, [&](int64_t begin, int64_t end) {
    float* const scratch =
        Workspace::OfThisThread().Floats(layer_scratch + EncoderLayer::kTileRows * c);
    float* const x = scratch + layer_scratch;
    for (int64_t i = begin; i < end; ++i) CopyRow(hidden + kept[i] * c, c, x + (i - begin) * c);
    layer.Finish(kept_out_.get() + begin * a, a, end - begin, x, c, scratch);
    for (int64_t i = begin; i < end; ++i) CopyRow(x + (i - begin) * c, c, hidden + kept[i] * c);
  });
}

}  // namespace strata::kernels

// The backward pass of one work item; see forward_kernels.cc for how such a file is compiled.
//
// With p = exp(s - lse) and delta = dout · out of a row: dv = pᵀ dout, dp = dout vᵀ,
// ds = p (dp - delta), dq = scale · ds k, dk = scale · dsᵀ q. lse covers both families of a row, so
// the shares of its families simply add up.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention/backward_kernels.cc"
// clang-format off
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on
#include "kernels/attention/attention_kernels.h"
#include "kernels/attention/attention_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata::kernels {
namespace HWY_NAMESPACE {

struct BackwardTile {
  float *q, *dout, *lse, *delta;    // rows [128, D], [128]; q is scaled by scale · log2(e)
  float *keys, *keys_t, *values_t;  // columns [128, D], [D, 128]
  float *p, *ds;                    // [128, 128]
  float *dq, *dk, *dv;              // [128, D]
};

HWY_INLINE BackwardTile LayOutBackward(float* scratch, int head_size) {
  const ptrdiff_t size = kColumnBlock * RoundUp16(head_size);
  BackwardTile tile;
  float* next = scratch;
  float** const buffers[] = {&tile.q,        &tile.dout, &tile.keys, &tile.keys_t,
                             &tile.values_t, &tile.dq,   &tile.dk,   &tile.dv};
  for (float** buffer : buffers) {
    *buffer = next;
    next += size;
  }
  tile.p = next;
  tile.ds = tile.p + kColumnBlock * kColumnBlock;
  tile.lse = tile.ds + kColumnBlock * kColumnBlock;
  tile.delta = tile.lse + kColumnBlock;
  return tile;
}

HWY_INLINE void LoadRows(const BackwardArgs& args, const Family& family, const Head& head,
                         int begin, int count, const BackwardTile& tile) {
  const AttentionGradParams& params = args.params;
  const int head_size = head.size;
  const ptrdiff_t offset = static_cast<ptrdiff_t>(head.index) * head_size;
  PackRows(RowsOf(args.plan, family, params.q, params.q_stride, head, begin, count), head_size,
           params.scale * kLog2E, tile.q);
  const MemberRows dout =
      RowsOf(args.plan, family, params.dout, params.dout_stride, head, begin, count);
  PackRows(dout, head_size, 1.0f, tile.dout);
  for (int row = 0; row < count; ++row) {
    const int32_t token = dout.Token(row);
    tile.lse[row] = params.lse[static_cast<ptrdiff_t>(token) * head.count + head.index] * kLog2E;
    tile.delta[row] =
        DotOfRows(dout.Row(row), params.out + token * params.out_stride + offset, head_size);
  }
}

HWY_INLINE void LoadColumns(const BackwardArgs& args, const Family& family, const Head& head,
                            int begin, int count, bool natural_keys, const BackwardTile& tile) {
  const AttentionGradParams& params = args.params;
  const MemberRows keys = RowsOf(args.plan, family, params.k, params.k_stride, head, begin, count);
  PackTransposed(keys, head.size, tile.keys_t);
  if (natural_keys) PackRows(keys, head.size, 1.0f, tile.keys);
  PackTransposed(RowsOf(args.plan, family, params.v, params.v_stride, head, begin, count),
                 head.size, tile.values_t);
}

// p and ds of the loaded rows and columns. head_row, head_column: place of a pair that does not
// count, or head_row -1.
HWY_INLINE void ScoreGradients(int rows, int columns, int head_size, int head_row, int head_column,
                               const BackwardTile& tile) {
  const Floats d;
  const int padded = RoundUpToLanes(head_size), padded_columns = RoundUpToLanes(columns);
  Multiply({rows, padded_columns, head_size, tile.q, padded, 1, tile.keys_t, padded_columns, tile.p,
            padded_columns, false});
  Multiply({rows, padded_columns, head_size, tile.dout, padded, 1, tile.values_t, padded_columns,
            tile.ds, padded_columns, false});
  for (int row = 0; row < rows; ++row) {
    float* HWY_RESTRICT p_row = tile.p + static_cast<ptrdiff_t>(row) * padded_columns;
    float* HWY_RESTRICT ds_row = tile.ds + static_cast<ptrdiff_t>(row) * padded_columns;
    const auto lse = hn::Set(d, tile.lse[row]), delta = hn::Set(d, tile.delta[row]);
    if (row == head_row) p_row[head_column] = kMinusInfinity;
    for (int i = 0; i < padded_columns; i += kLanes) {
      const auto p = Exp2(hn::Sub(hn::Load(d, p_row + i), lse));
      hn::Store(p, d, p_row + i);
      hn::Store(hn::Mul(p, hn::Sub(hn::Load(d, ds_row + i), delta)), d, ds_row + i);
    }
  }
}

// One of dq (0), dk (1), dv (2) of members [begin, begin + count): straight to the token's row, or
// to its slot where this is the family of its parent and it has one of its own.
HWY_INLINE void WriteGradients(const BackwardArgs& args, const Family& family, const Head& head,
                               int begin, int count, int which, float factor,
                               const float* tile_rows) {
  const AttentionGradParams& params = args.params;
  const int head_size = head.size, padded = RoundUpToLanes(head_size);
  float* const base = which == 0 ? params.dq : which == 1 ? params.dk : params.dv;
  const int64_t stride = which == 0   ? params.dq_stride
                         : which == 1 ? params.dk_stride
                                      : params.dv_stride;
  const MemberRows rows = RowsOf(args.plan, family, nullptr, 0, head, begin, count);
  for (int row = 0; row < count; ++row) {
    const int32_t token = rows.Token(row), slot = args.plan.partial_slots[token];
    const bool to_slot = slot >= 0 && begin + row != family.head_row;
    const ptrdiff_t offset = static_cast<ptrdiff_t>(head.index) * head_size;
    float* const to =
        to_slot ? args.partial_grads +
                      (static_cast<ptrdiff_t>(slot) * 3 + which) * head.count * head_size + offset
                : base + token * stride + offset;
    WriteRow(tile_rows + static_cast<ptrdiff_t>(row) * padded, head_size, factor, to);
  }
}

// Rows × columns of a family at one head. The longer side is walked in blocks, the other is whole.
HWY_INLINE void BackwardBlock(const BackwardArgs& args, const Family& family, const Head& head,
                              int row_begin, int row_end, int column_begin, int column_end,
                              bool want_dq, bool want_dkv, const BackwardTile& tile) {
  const int head_size = head.size, padded = RoundUpToLanes(head_size);
  if (want_dkv)
    LoadColumns(args, family, head, column_begin, column_end - column_begin, want_dq, tile);
  if (!want_dkv) LoadRows(args, family, head, row_begin, row_end - row_begin, tile);
  for (int row = row_begin; row < row_end; row += kColumnBlock) {
    const int rows = Min(kColumnBlock, row_end - row);
    if (want_dkv) LoadRows(args, family, head, row, rows, tile);
    for (int column = column_begin; column < column_end; column += kColumnBlock) {
      const int columns = Min(kColumnBlock, column_end - column),
                padded_columns = RoundUpToLanes(columns);
      if (!want_dkv) LoadColumns(args, family, head, column, columns, true, tile);
      const int head_column = family.head_row - column;
      const bool masked = !family.head_is_root && head_column >= 0 && head_column < columns;
      ScoreGradients(rows, columns, head_size, masked ? family.head_row - row : -1, head_column,
                     tile);
      if (want_dq) {
        Multiply({rows, padded, columns, tile.ds, padded_columns, 1, tile.keys, padded, tile.dq,
                  padded, column != column_begin});
      }
      if (want_dkv) {
        Multiply({columns, padded, rows, tile.ds, 1, padded_columns, tile.q, padded, tile.dk,
                  padded, row != row_begin});
        Multiply({columns, padded, rows, tile.p, 1, padded_columns, tile.dout, padded, tile.dv,
                  padded, row != row_begin});
      }
    }
  }
  if (want_dq) {
    WriteGradients(args, family, head, row_begin, row_end - row_begin, 0, args.params.scale,
                   tile.dq);
  }
  if (want_dkv) {
    const int columns = column_end - column_begin;
    // tile.q already holds scale · log2(e).
    WriteGradients(args, family, head, column_begin, columns, 1, kLn2, tile.dk);
    WriteGradients(args, family, head, column_begin, columns, 2, 1.0f, tile.dv);
  }
}

void Backward(const BackwardArgs& args, const WorkItem& item, float* scratch) {
  const BackwardTile tile = LayOutBackward(scratch, args.params.head_size);
  for (int32_t f = item.family_begin; f < item.family_end; ++f) {
    const Family& family = args.plan.families[f];
    for (int h = 0; h < args.params.num_heads; ++h) {
      const Head head{h, args.params.num_heads, args.params.head_size};
      switch (item.kind) {
        case WorkItem::Kind::kFamilies:
          BackwardBlock(args, family, head, 0, family.size, 0, family.size, true, true, tile);
          break;
        case WorkItem::Kind::kRows:
          BackwardBlock(args, family, head, item.begin, item.end, 0, family.size, true, false,
                        tile);
          break;
        case WorkItem::Kind::kColumns:
          BackwardBlock(args, family, head, 0, family.size, item.begin, item.end, false, true,
                        tile);
          break;
      }
    }
  }
}

void MergeBackward(const BackwardArgs& args, const int32_t* tokens, int64_t begin, int64_t end) {
  const AttentionGradParams& params = args.params;
  const Floats d;
  const int row_size = params.num_heads * params.head_size;
  for (int64_t slot = begin; slot < end; ++slot) {
    for (int which = 0; which < 3; ++which) {
      float* HWY_RESTRICT to = which == 0   ? params.dq + tokens[slot] * params.dq_stride
                               : which == 1 ? params.dk + tokens[slot] * params.dk_stride
                                            : params.dv + tokens[slot] * params.dv_stride;
      const float* HWY_RESTRICT partial = args.partial_grads + (slot * 3 + which) * row_size;
      int i = 0;
      for (; i + kLanes <= row_size; i += kLanes) {
        hn::StoreU(hn::Add(hn::LoadU(d, to + i), hn::LoadU(d, partial + i)), d, to + i);
      }
      for (; i < row_size; ++i) to[i] += partial[i];
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace strata::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata::kernels {

HWY_EXPORT(Backward);
HWY_EXPORT(MergeBackward);

BackwardKernels ActiveBackwardKernels() {
  return {HWY_DYNAMIC_DISPATCH(Backward), HWY_DYNAMIC_DISPATCH(MergeBackward)};
}

size_t BackwardScratchSize(int head_size) {
  const size_t padded = (head_size + 15) / 16 * 16;
  constexpr size_t kColumns = StructurePlan::kMaxWholeFamily;
  return 8 * kColumns * padded + 2 * kColumns * kColumns + 2 * kColumns;
}

}  // namespace strata::kernels
#endif

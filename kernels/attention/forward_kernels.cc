// The forward pass of one work item, written once over Highway and compiled for each target:
// foreach_target.h includes this file again for every one of them.
//
// Highway rather than classes of our own with target pragmas: it is in Debian, its vectors cover
// every target we ship and Arm besides, and its dispatch tables replace a file a target. What the
// house style asks of such code holds here: includes stand before the target region, no std
// container or Abseil type in it, one dispatch a call.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention/forward_kernels.cc"
// clang-format off
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on
#include "kernels/attention/attention_kernels.h"
#include "kernels/attention/attention_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace strata::kernels {
namespace HWY_NAMESPACE {

struct ForwardTile {
  float *q, *keys, *values, *scores, *sums;  // [64, D] [D, 128] [128, D] [64, 128] [64, D]
  float *highest, *total;                    // [64] running maximum and sum of each row
};

HWY_INLINE ForwardTile LayOutForward(float* scratch, int head_size) {
  const ptrdiff_t padded = RoundUp16(head_size);
  ForwardTile tile;
  tile.q = scratch;
  tile.keys = tile.q + kRowBlock * padded;
  tile.values = tile.keys + kColumnBlock * padded;
  tile.scores = tile.values + kColumnBlock * padded;
  tile.sums = tile.scores + kRowBlock * kColumnBlock;
  tile.highest = tile.sums + kRowBlock * padded;
  tile.total = tile.highest + kRowBlock;
  return tile;
}

// Turns `count` scores (in whole vectors, whatever stands behind count) into exponentials relative
// to the row's running maximum. Returns the factor by which what was summed before must be scaled.
HWY_INLINE float SoftmaxRow(float* HWY_RESTRICT scores, int count, float* highest, float* total) {
  const Floats d;
  // The tail is masked in a register: a short store before a whole load would stall it.
  const int last = RoundUpToLanes(count) - kLanes;
  const auto tail = hn::IfThenElse(hn::FirstN(d, count - last), hn::Load(d, scores + last),
                                   hn::Set(d, kMinusInfinity));
  auto max = tail;
  for (int i = 0; i < last; i += kLanes) max = hn::Max(max, hn::Load(d, scores + i));
  const float block_highest = hn::GetLane(hn::MaxOfLanes(d, max));
  const float before = *highest;
  const float now = block_highest > before ? block_highest : before;
  // All keys masked so far: any finite reference leaves every exponential 0.
  const float reference = now == kMinusInfinity ? 0.0f : now;
  const auto shift = hn::Set(d, reference);
  auto sum = Exp2(hn::Sub(tail, shift));
  hn::Store(sum, d, scores + last);
  for (int i = 0; i < last; i += kLanes) {
    const auto p = Exp2(hn::Sub(hn::Load(d, scores + i), shift));
    hn::Store(p, d, scores + i);
    sum = hn::Add(sum, p);
  }
  const float correction = before == now ? 1.0f : hn::GetLane(Exp2(hn::Set(d, before - reference)));
  *highest = now;
  *total = *total * correction + hn::GetLane(hn::SumOfLanes(d, sum));
  return correction;
}

// Rows [begin, begin + count) of a family at one head, over all its keys.
HWY_INLINE void ForwardRows(const ForwardArgs& args, const Family& family, const Head& head,
                            int begin, int count, const ForwardTile& tile) {
  const AttentionParams& params = args.params;
  const Floats d;
  const int head_size = head.size;
  const int padded = RoundUpToLanes(head_size);
  const ptrdiff_t offset = static_cast<ptrdiff_t>(head.index) * head_size;
  const MemberRows rows = RowsOf(args.plan, family, params.q, params.q_stride, head, begin, count);
  PackRows(rows, head_size, params.scale * kLog2E, tile.q);
  for (int row = 0; row < count; ++row) {
    tile.highest[row] = kMinusInfinity;
    tile.total[row] = 0.0f;
    PrefetchRow(params.out + rows.Token(row) * params.out_stride + offset, head_size);
  }
  const int head_row = family.head_is_root ? -1 : family.head_row - begin;

  for (int first = 0; first < family.size; first += kColumnBlock) {
    const int keys = Min(kColumnBlock, family.size - first);
    const int padded_keys = RoundUpToLanes(keys);
    PackTransposed(RowsOf(args.plan, family, params.k, params.k_stride, head, first, keys),
                   head_size, tile.keys);
    Multiply({count, padded_keys, head_size, tile.q, padded, 1, tile.keys, padded_keys, tile.scores,
              padded_keys, false});
    // The head's pair with itself belongs to its parent's family.
    const int head_column = family.head_row - first;
    if (head_row >= 0 && head_row < count && head_column >= 0 && head_column < keys) {
      tile.scores[static_cast<ptrdiff_t>(head_row) * padded_keys + head_column] = kMinusInfinity;
    }
    for (int row = 0; row < count; ++row) {
      const float correction = SoftmaxRow(tile.scores + static_cast<ptrdiff_t>(row) * padded_keys,
                                          keys, tile.highest + row, tile.total + row);
      if (first == 0 || correction == 1.0f) continue;
      float* sums = tile.sums + static_cast<ptrdiff_t>(row) * padded;
      for (int i = 0; i < padded; i += kLanes) {
        hn::Store(hn::Mul(hn::Load(d, sums + i), hn::Set(d, correction)), d, sums + i);
      }
    }
    // Values are read in place where they stand row by row and fill whole vectors.
    const MemberRows value_rows =
        RowsOf(args.plan, family, params.v, params.v_stride, head, first, keys);
    const bool in_place = value_rows.gather == nullptr && padded == head_size;
    if (!in_place) {
      PackRows(value_rows, head_size, 1.0f, tile.values);
    } else {
      for (int row = 0; row < keys; ++row) {
        PrefetchRow(value_rows.Row(row) + value_rows.ahead, head_size);
      }
    }
    Multiply({count, padded, keys, tile.scores, padded_keys, 1,
              in_place ? value_rows.Row(0) : tile.values,
              in_place ? static_cast<ptrdiff_t>(value_rows.stride) : padded, tile.sums, padded,
              first != 0});
  }

  for (int row = 0; row < count; ++row) {
    const int32_t token = rows.Token(row);
    const int32_t slot = args.plan.partial_slots[token];
    const bool is_head = begin + row == family.head_row;
    const bool wants_lse = slot >= 0 || params.lse != nullptr;
    const float lse =
        wants_lse ? (tile.highest[row] + __builtin_log2f(tile.total[row])) * kLn2 : 0.0f;
    float* out;
    if (slot >= 0 && !is_head) {
      out = args.partial_out + (static_cast<ptrdiff_t>(slot) * head.count + head.index) * head_size;
      args.partial_lse[static_cast<ptrdiff_t>(slot) * head.count + head.index] = lse;
    } else {
      out = params.out + token * params.out_stride + offset;
      if (slot >= 0) {
        args.own_lse[static_cast<ptrdiff_t>(slot) * head.count + head.index] = lse;
      } else if (params.lse != nullptr) {
        params.lse[static_cast<ptrdiff_t>(token) * head.count + head.index] = lse;
      }
    }
    WriteRow(tile.sums + static_cast<ptrdiff_t>(row) * padded, head_size, 1.0f / tile.total[row],
             out);
  }
}

void Forward(const ForwardArgs& args, const WorkItem& item, float* scratch) {
  const ForwardTile tile = LayOutForward(scratch, args.params.head_size);
  for (int32_t f = item.family_begin; f < item.family_end; ++f) {
    const Family& family = args.plan.families[f];
    const bool whole = item.kind == WorkItem::Kind::kFamilies;
    const int begin = whole ? 0 : item.begin, end = whole ? family.size : item.end;
    for (int h = 0; h < args.params.num_heads; ++h) {
      const Head head{h, args.params.num_heads, args.params.head_size};
      for (int row = begin; row < end; row += kRowBlock) {
        ForwardRows(args, family, head, row, Min(kRowBlock, end - row), tile);
      }
    }
  }
}

void MergeForward(const ForwardArgs& args, const int32_t* tokens, int64_t begin, int64_t end) {
  const AttentionParams& params = args.params;
  const Floats d;
  for (int64_t slot = begin; slot < end; ++slot) {
    for (int head = 0; head < params.num_heads; ++head) {
      const ptrdiff_t at = slot * params.num_heads + head;
      const float own_lse = args.own_lse[at], parent_lse = args.partial_lse[at];
      const float highest = own_lse > parent_lse ? own_lse : parent_lse;
      const float own = __builtin_expf(own_lse - highest),
                  parent = __builtin_expf(parent_lse - highest);
      const float total = own + parent;
      const float own_weight = own / total, parent_weight = parent / total;
      float* HWY_RESTRICT out = params.out + tokens[slot] * params.out_stride +
                                static_cast<ptrdiff_t>(head) * params.head_size;
      const float* HWY_RESTRICT partial = args.partial_out + at * params.head_size;
      int i = 0;
      for (; i + kLanes <= params.head_size; i += kLanes) {
        const auto scaled = hn::Mul(hn::LoadU(d, partial + i), hn::Set(d, parent_weight));
        hn::StoreU(hn::MulAdd(hn::LoadU(d, out + i), hn::Set(d, own_weight), scaled), d, out + i);
      }
      for (; i < params.head_size; ++i) out[i] = out[i] * own_weight + partial[i] * parent_weight;
      if (params.lse != nullptr) {
        params.lse[static_cast<ptrdiff_t>(tokens[slot]) * params.num_heads + head] =
            highest + __builtin_logf(total);
      }
    }
  }
}

const char* CompiledFor() { return hwy::TargetName(HWY_TARGET); }

}  // namespace HWY_NAMESPACE
}  // namespace strata::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata::kernels {

HWY_EXPORT(CompiledFor);
HWY_EXPORT(Forward);
HWY_EXPORT(MergeForward);

ForwardKernels ActiveForwardKernels() {
  return {HWY_DYNAMIC_DISPATCH(CompiledFor), HWY_DYNAMIC_DISPATCH(Forward),
          HWY_DYNAMIC_DISPATCH(MergeForward)};
}

size_t ForwardScratchSize(int head_size) {
  const size_t padded = (head_size + 15) / 16 * 16;
  return (2 * StructurePlan::kRowsPerItem + 2 * StructurePlan::kMaxWholeFamily) * padded +
         StructurePlan::kRowsPerItem * (StructurePlan::kMaxWholeFamily + 2);
}

}  // namespace strata::kernels
#endif

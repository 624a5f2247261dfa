// dtw on one instruction set: from the choices of a group to its paths, all lanes at a time.
#pragma once
#include "dtw_lane_table.hpp"

KT_MATHS_BEGIN

// One integer per lane.
template <int W> struct VectorOfInts {
  typedef int32_t type __attribute__((vector_size(W * 4)));
  typedef int32_t unaligned __attribute__((vector_size(W * 4), aligned(4), may_alias));
};
template <int W> using Ints = typename VectorOfInts<W>::type;
template <int W> KT_HD void store_ints(int32_t* p, Ints<W> x) {
  *reinterpret_cast<typename VectorOfInts<W>::unaligned*>(p) = x;
}

// Both words of a cell of every lane, in the lower bits: word 0, and from bit 16 (W = 16) or 8 on word 1. `at` counts words.
template <int W> KT_HD Ints<W> gather_words(const LaneBits<W>* words, Ints<W> at) {
#if defined(__AVX512F__)
  if constexpr (W == 16) return (Ints<W>)_mm512_i32gather_epi32((__m512i)at, words, 2);
#endif
#if defined(__AVX2__)
  if constexpr (W == 8) return (Ints<W>)_mm256_i32gather_epi32(reinterpret_cast<const int*>(words), (__m256i)at, 1);
  if constexpr (W == 4) return (Ints<W>)_mm_i32gather_epi32(reinterpret_cast<const int*>(words), (__m128i)at, 1);
#endif
  Ints<W> r{};
  for (int l = 0; l < W; ++l) r[l] = words[at[l]] | int32_t(words[at[l] + 1]) << (W == 16 ? 16 : 8);
  return r;
}

// Follows the choices of all lanes side by side. steps [step][row, column][lane] gets the cells from the last to the first, room for
// rows + columns of them; length[lane]: how many are its own (it stays at the first). end_column[lane]: of the padded table.
template <class T, int W> KT_HD void trace_lanes_back(const GroupTable<T, W>& g, const int64_t* end_column, int32_t* steps,
                                                      int32_t* length) {
  using I = Ints<W>;
  constexpr int R = kBlockRows, kHigh = W == 16 ? 16 : 8;
  const int32_t block_words = int32_t(g.block_words()), stripe = int32_t(g.stripe);
  I i{}, j{}, in_block{}, in_stripe{}, at{}, lane{}, count{};
  for (int l = 0; l < W; ++l) {
    const int64_t last = g.stripes() - 1, c = end_column[l], s = c / g.stripe < last ? c / g.stripe : last;
    lane[l] = l;
    i[l] = int32_t(g.rows - 1 - int64_t(g.row_start[l])), j[l] = int32_t(c - int64_t(g.column_start[l]));
    in_block[l] = R - 1, in_stripe[l] = int32_t(c - s * g.stripe);
    at[l] = int32_t((g.rows / R - 1) * block_words + ((c + R - 1 + s * (R - 1)) * R + R - 1) * 2);
  }
  const I free_start = I{} - int32_t(g.free_start);
  for (int64_t t = 0; t < g.rows + g.columns; ++t, steps += 2 * W) {
    store_ints<W>(steps, i), store_ints<W>(steps + W, j);
    // Comparisons give -1 where they hold.
    const I first_row = i <= 0, first_column = j <= 0, done = first_row & (first_column | free_start);
    const I words = gather_words<W>(g.moves, at) >> lane;
    const I not_left = -((words >> kHigh) & 1), diagonal = not_left & -(words & 1);
    const I up = (first_column | (not_left & ~first_row)) & ~done;
    const I left = (first_row | (~first_column & (~not_left | diagonal))) & ~done;
    count -= ~done;
    bool busy = false;
    for (int l = 0; l < W; ++l) busy |= done[l] == 0;
    if (!busy) break;
    i += up, j += left, in_block += up, in_stripe += left;
    const I next_block = in_block < 0, next_stripe = in_stripe < 0;
    in_block += next_block & R, in_stripe += next_stripe & stripe;
    at -= (up & (2 * R + 2)) + (left & (2 * R)) + (next_block & (block_words - 2 * R * R - 2 * R)) +
          (next_stripe & (2 * R * (R - 1)));
  }
  store_ints<W>(length, count + 1);
}

// Turns round the cells of one lane: from first to last, row and column in turn.
template <int W> KT_HD void turn_round(const int32_t* steps, int lane, int64_t length, int32_t* path) {
  const int32_t* last = steps + (length - 1) * 2 * W + lane;
  for (int64_t k = 0; k < length; ++k, last -= 2 * W) path[2 * k] = last[0], path[2 * k + 1] = last[W];
}

KT_MATHS_END

// dtw on one instruction set: from the choices of a group to its paths.
#pragma once
#include "dtw_lane_table.hpp"

KT_MATHS_BEGIN

// Follows the choices of all lanes side by side: one lane alone would wait for the memory at every step. path[lane]: room for
// `capacity` cells of two indices, filled from its end; returns the lengths. end_column[lane]: where the path ends.
template <class T, int W>
KT_HD void trace_paths(const GroupTable<T, W>& g, int used, const bool* wanted, const int64_t* end_column,
                       int64_t capacity, int32_t* const* path, int64_t* length) {
  constexpr int R = kBlockRows;
  const int64_t block_words = g.block_words(), last = g.stripes() - 1;
  int32_t block[W], r[W], j[W], r0[W], b0[W], row0[W], column0[W];
  int32_t* out[W];
  int live[W], lives = 0;
  for (int l = 0; l < used; ++l) {
    if (!wanted[l]) continue;
    live[lives++] = l;
    row0[l] = int32_t(g.row_start[l]), column0[l] = int32_t(g.column_start[l]);
    b0[l] = row0[l] / R, r0[l] = row0[l] % R;
    block[l] = int32_t(g.rows / R - 1), r[l] = R - 1, j[l] = int32_t(end_column[l]);
    out[l] = path[l] + 2 * capacity;
  }
  while (lives) {
    int kept = 0;
    for (int k = 0; k < lives; ++k) {
      const int l = live[k];
      int32_t b = block[l], q = r[l], c = j[l];
      int32_t* p = out[l] -= 2;
      p[0] = b * R + q - row0[l], p[1] = c - column0[l];
      const bool first_row = b == b0[l] && q == r0[l], first_column = c == column0[l];
      const int64_t s = last == 0 ? 0 : c / g.stripe < last ? c / g.stripe : last;
      const LaneBits<W>* w = g.moves + b * block_words + ((c + q + s * (R - 1)) * R + q) * 2;
      const int not_left = (w[1] >> l) & 1, diagonal = not_left & (w[0] >> l);
      const int up = first_column ? 1 : first_row ? 0 : not_left;
      const int left = first_row ? 1 : first_column ? 0 : (not_left ^ 1) | diagonal;
      q -= up;
      const int wrap = q < 0;
      r[l] = q + (wrap ? R : 0), block[l] = b - wrap, j[l] = c - left;
      live[kept] = l;
      kept += !(first_row && (first_column || g.free_start));
    }
    lives = kept;
  }
  for (int l = 0; l < used; ++l)
    if (wanted[l]) length[l] = (path[l] + 2 * capacity - out[l]) / 2;
}

KT_MATHS_END

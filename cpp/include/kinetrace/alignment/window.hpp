// Alignment: which cells a window leaves, and how long a sequence is. Integer arithmetic, the same on every back end.
//
// With n x m cells, cell (i, j) is inside the band of radius r iff
//     2 |i (m - 1) - j (n - 1)| <= max(2 r, 1 if n != m else 0) * max(n - 1, m - 1),
// that is, iff it is at most r samples of the shorter sequence away from the straight line between the corners. For n = m this
// is |i - j| <= r; both corners are always inside; for n != m the cells nearest to the line are inside for every r, so that a
// path of single steps always exists. The rule is its own mirror image (n and m, i and j exchanged).
#pragma once
#include "../core/macros.hpp"
#include "types.hpp"

KT_MATHS_BEGIN

// The band of one pair: `slack` is the right-hand side of the rule, rounded down; negative without a window.
struct Band {
  int64_t n, m, slack;
};

KT_HD Band band_of(const Window& window, int64_t n, int64_t m) {
  Band band{n, m, -1};
  if (!window.limited) return band;
  const int64_t shorter = n < m ? n : m, longer = n < m ? m : n;
  double radius = window.relative ? window.radius * double(shorter) : window.radius;
  radius = radius < double(longer) ? radius : double(longer);
  double twice = 2 * radius;
  if (n != m && twice < 1) twice = 1;
  band.slack = int64_t(twice * double(longer - 1));
  return band;
}

// First and last column of row i that are inside; never empty for 0 <= i < n. n = 1: all columns.
KT_HD int64_t first_column(const Band& band, int64_t i) {
  if (band.slack < 0 || band.n == 1) return 0;
  const int64_t numerator = 2 * i * (band.m - 1) - band.slack, denominator = 2 * (band.n - 1);
  return numerator <= 0 ? 0 : (numerator + denominator - 1) / denominator;
}
KT_HD int64_t last_column(const Band& band, int64_t i) {
  if (band.slack < 0 || band.n == 1) return band.m - 1;
  const int64_t column = (2 * i * (band.m - 1) + band.slack) / (2 * (band.n - 1));
  return column < band.m ? column : band.m - 1;
}

// Length of sequence b. On a device nobody has looked at the numbers: one out of range counts as 0, an empty sequence.
KT_HD int64_t length_of(const SequenceLengths& lengths, int64_t b) {
  int64_t length = lengths.extent;
  if (lengths.data32) length = lengths.data32[b * lengths.stride];
  if (lengths.data64) length = lengths.data64[b * lengths.stride];
  return length < 0 || length > lengths.extent ? 0 : length;
}

KT_MATHS_END

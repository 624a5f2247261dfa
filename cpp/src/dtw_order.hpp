// The order in which dtw works on its pairs: neighbours are of similar shape, so that little is computed in vain side by side.
#pragma once
#include <kinetrace/dtw/pair.hpp>

#include <cstdint>
#include <vector>

namespace kinetrace {

// Sorts pairs[k] of the given keys, 0 <= key < keys, into key order; equal keys stay in order.
std::vector<int64_t> in_key_order(const std::vector<int64_t>& pairs, const std::vector<int64_t>& key, int64_t keys);

// How many classes of lengths of x there are, and how wide. As many as leave every class some groups of `lanes` pairs.
struct LengthClasses {
  int64_t width, count;
};
LengthClasses length_classes(int64_t pairs, int64_t rows, int64_t lanes);

// All pairs that are to be computed: by class of the length of x, then by the length of y, up and down in turn.
template <class T> std::vector<int64_t> ordered_pairs(const DtwArgs<T>& a, int64_t lanes) {
  std::vector<int64_t> pairs, key;
  pairs.reserve(std::size_t(a.pairs));
  const bool upper = a.pairing == Pairing::upper;
  if (a.pairing == Pairing::zipped) {
    for (int64_t at = 0; at < a.pairs; ++at) pairs.push_back(at);
  } else {
    for (int64_t x = 0; x < a.x_count; ++x)
      for (int64_t y = upper ? x : 0; y < a.y_count; ++y) pairs.push_back(x * a.y_count + y);
  }
  const bool x_equal = !a.x_lengths.data32 && !a.x_lengths.data64, y_equal = !a.y_lengths.data32 && !a.y_lengths.data64;
  if (x_equal && y_equal) return pairs;
  const LengthClasses classes = length_classes(int64_t(pairs.size()), a.rows, lanes);
  key.reserve(pairs.size());
  for (const int64_t at : pairs) {
    const DtwPair p = pair_of(a, at);
    const int64_t c = (p.n + classes.width - 1) / classes.width;
    key.push_back(c * (a.columns + 1) + (c % 2 ? a.columns - p.m : p.m));
  }
  return in_key_order(pairs, key, (classes.count + 1) * (a.columns + 1));
}

}  // namespace kinetrace

// The order in which dtw works on its pairs: sorting by a key.
#include "dtw_order.hpp"

#include <algorithm>
#include <numeric>

namespace kinetrace {

LengthClasses length_classes(int64_t pairs, int64_t rows, int64_t lanes) {
  constexpr int64_t kRows = 8;  // the kernels work on blocks of about so many rows
  int64_t count = 1;
  while ((count + 1) * (count + 1) * lanes <= pairs) ++count;
  const int64_t width = ((rows + count - 1) / count + kRows - 1) / kRows * kRows;
  return {width < kRows ? kRows : width, rows / (width < kRows ? kRows : width) + 1};
}

std::vector<int64_t> in_key_order(const std::vector<int64_t>& pairs, const std::vector<int64_t>& key, int64_t keys) {
  const std::size_t count = pairs.size();
  std::vector<int64_t> sorted(count);
  if (keys <= 4 * int64_t(count) + 65536) {  // counting them is faster, unless most keys do not occur
    std::vector<int64_t> place(std::size_t(keys) + 1);
    for (const int64_t k : key) ++place[std::size_t(k) + 1];
    std::partial_sum(place.begin(), place.end(), place.begin());
    for (std::size_t k = 0; k < count; ++k) sorted[std::size_t(place[std::size_t(key[k])]++)] = pairs[k];
    return sorted;
  }
  std::vector<int64_t> by_key(count);
  std::iota(by_key.begin(), by_key.end(), int64_t(0));
  std::stable_sort(by_key.begin(), by_key.end(),
                   [&](int64_t a, int64_t b) { return key[std::size_t(a)] < key[std::size_t(b)]; });
  for (std::size_t k = 0; k < count; ++k) sorted[k] = pairs[std::size_t(by_key[k])];
  return sorted;
}

}  // namespace kinetrace

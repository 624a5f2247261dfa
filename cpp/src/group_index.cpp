// Sorting rows by group id: nothing to do for ids that ascend, else a table (ids of a small range) or a hash table.
#include "group_index.hpp"

#include <algorithm>

namespace kinetrace {
namespace cpu {
namespace {

template <class I> class Sorter {
 public:
  Sorter(const Strided<const I, 1>& ids, int64_t count) : data(ids.data), step(ids.stride[0]), rows(count) {}

  SortedGroups run() {
    SortedGroups s;
    if (ascending(s)) return s;
    std::vector<int32_t> group(std::size_t(rows), 0);
    const int64_t groups = number_groups(group.data());
    s.start.assign(std::size_t(groups) + 1, 0);
    for (const int32_t g : group) ++s.start[std::size_t(g) + 1];
    for (std::size_t g = 1; g < s.start.size(); ++g) s.start[g] += s.start[g - 1];
    std::vector<int32_t> next(s.start.begin(), s.start.end() - 1);
    s.order.resize(std::size_t(rows));
    for (int64_t i = 0; i < rows; ++i) s.order[std::size_t(next[std::size_t(group[std::size_t(i)])]++)] = int32_t(i);
    return s;
  }

 private:
  I id(int64_t i) const { return data[i * step]; }

  bool ascending(SortedGroups& s) const {
    s.start.resize(std::size_t(rows) + 1);
    int32_t* start = s.start.data();
    int64_t groups = 0;
    bool right = true;
    I before = rows ? id(0) : I(0);
    if (rows) start[groups++] = 0;
    for (int64_t i = 1; i < rows; ++i) {
      const I here = id(i);
      start[groups] = int32_t(i);
      groups += here != before;
      right = right && here >= before;
      before = here;
    }
    start[groups] = int32_t(rows);
    s.start.resize(std::size_t(groups) + 1);
    return right;
  }

  // Numbers the groups as they first occur; returns how many there are.
  int64_t number_groups(int32_t* group) const {
    I low = id(0), high = id(0);
    for (int64_t i = 1; i < rows; ++i) low = std::min(low, id(i)), high = std::max(high, id(i));
    const uint64_t range = uint64_t(int64_t(high)) - uint64_t(int64_t(low));
    if (range < uint64_t(4 * rows + 1024)) return by_table(group, low, range);
    return by_hash(group);
  }

  int64_t by_table(int32_t* group, I low, uint64_t range) const {
    std::vector<int32_t> table(std::size_t(range) + 1, -1);
    int32_t groups = 0;
    for (int64_t i = 0; i < rows; ++i) {
      int32_t& number = table[std::size_t(uint64_t(int64_t(id(i))) - uint64_t(int64_t(low)))];
      if (number < 0) number = groups++;
      group[i] = number;
    }
    return groups;
  }

  int64_t by_hash(int32_t* group) const {
    std::size_t slots = 16;
    while (slots < std::size_t(rows) * 2) slots *= 2;
    std::vector<int32_t> first(slots, -1);  // row where the slot's group first occurred
    int32_t groups = 0;
    for (int64_t i = 0; i < rows; ++i) {
      uint64_t h = uint64_t(int64_t(id(i)));
      h = (h ^ (h >> 32)) * 0x9E3779B97F4A7C15u;
      std::size_t at = std::size_t(h >> 20) & (slots - 1);
      while (first[at] >= 0 && id(first[at]) != id(i)) at = (at + 1) & (slots - 1);
      if (first[at] < 0) first[at] = int32_t(i), group[i] = groups++;
      else group[i] = group[first[at]];
    }
    return groups;
  }

  const I* data;
  int64_t step, rows;
};

}  // namespace

SortedGroups sort_by_group(const Strided<const int32_t, 1>& ids, int64_t rows) {
  return Sorter<int32_t>(ids, rows).run();
}
SortedGroups sort_by_group(const Strided<const int64_t, 1>& ids, int64_t rows) {
  return Sorter<int64_t>(ids, rows).run();
}

}  // namespace cpu
}  // namespace kinetrace

// Sorts rows by group id: equal ids together, whatever the ids are and wherever they stand.
#pragma once
#include <kinetrace/core/types.hpp>

#include <cstdint>
#include <vector>

namespace kinetrace {
namespace cpu {

struct SortedGroups {
  std::vector<int32_t> order;  // rows, sorted by group; empty: they lie that way already
  std::vector<int32_t> start;  // of each group, and the end
  int64_t count() const { return int64_t(start.size()) - 1; }
};

SortedGroups sort_by_group(const Strided<const int32_t, 1>& ids, int64_t rows);
SortedGroups sort_by_group(const Strided<const int64_t, 1>& ids, int64_t rows);

}  // namespace cpu
}  // namespace kinetrace

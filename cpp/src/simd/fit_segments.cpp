// fit_segments on one instruction set: one problem per lane, in float64 for both dtypes. Compiled once per level with KT_ABI.
#include "fit_segments.hpp"

#include <kinetrace/core/pack.hpp>
#include <kinetrace/fit_segments/load.hpp>
#include <kinetrace/fit_segments/pieces.hpp>
#include <kinetrace/fit_segments/prepare.hpp>
#include <kinetrace/fit_segments/search.hpp>

namespace kinetrace {
namespace KT_ABI {
namespace {

using V = NativePack<double>;
constexpr int W = lanes<V>::width;

template <int D, int K>
void search_group(const SegmentLayout& layout, const SegmentOptions& options, double* rows, const double* table) {
  const V counts = load<V>(rows + SegmentLayout::kCount * W), regular = load<V>(rows + SegmentLayout::kRegular * W);
  double longest = 0;
  bool equal = true;
  for (int l = 0; l < W; ++l) {
    longest = counts[l] > longest ? counts[l] : longest;
    equal = equal && counts[l] == counts[0];
  }
  const bool all_regular = all(regular != V(0.0));
  const SegmentRows<V> group{rows, W, layout};
  SegmentPreparation<V, D>(group, options, int64_t(longest)).run();
  SegmentSearch<V, D, K> search(group, table, options, int64_t(longest));
  search.run(all_regular, all_regular && equal);
  const SegmentPieces<V, D, K> pieces(group, table, options, int64_t(longest));
  pieces.run(all_regular && equal);
}

using SearchGroup = void (*)(const SegmentLayout&, const SegmentOptions&, double*, const double*);
template <int D>
SearchGroup search_of(int order) {
  return order == 0   ? search_group<D, 0>
         : order == 1 ? search_group<D, 1>
         : order == 2 ? search_group<D, 2>
                      : search_group<D, 3>;
}
SearchGroup search_of(int dims, int order) {
  return dims == 1   ? search_of<1>(order)
         : dims == 2 ? search_of<2>(order)
         : dims == 3 ? search_of<3>(order)
                     : search_of<4>(order);
}
// Lanes past the last problem repeat it and are not written back.
template <class T, int D>
void load_group(const FitSegmentsArgs<T>& a, const SegmentLayout& layout, int64_t first, int used, double* rows) {
  for (int l = 0; l < W; ++l) load_problem<T, D>(a, layout, first + (l < used ? l : used - 1), {rows + l, W});
}
template <class T>
using LoadGroup = void (*)(const FitSegmentsArgs<T>&, const SegmentLayout&, int64_t, int, double*);
template <class T>
LoadGroup<T> load_of(int dims) {
  return dims == 1 ? load_group<T, 1> : dims == 2 ? load_group<T, 2> : dims == 3 ? load_group<T, 3> : load_group<T, 4>;
}

template <class T>
void run(const FitSegmentsArgs<T>& a, const double* table, int64_t begin, int64_t end, double* scratch) {
  const SegmentLayout layout = segment_layout(a);
  const SearchGroup search_group = search_of(a.dims, a.order);
  const LoadGroup<T> load_group = load_of<T>(a.dims);
  const SegmentOptions options = segment_options(a);
  for (int64_t i = begin; i < end; i += W) {
    const int used = int(end - i < W ? end - i : W);
    load_group(a, layout, i, used, scratch);
    search_group(layout, options, scratch, table);
    for (int l = 0; l < used; ++l) write_problem(a, layout, i + l, {scratch + l, W});
  }
}

}  // namespace

void fit_segments_table(int order, int64_t points, double* table) {
  const auto write = order == 0   ? write_step_table<0>
                     : order == 1 ? write_step_table<1>
                     : order == 2 ? write_step_table<2>
                                  : write_step_table<3>;
  write(table, points);
}
void fit_segments(const FitSegmentsArgs<float>& a, const double* table, int64_t begin, int64_t end, double* scratch) {
  run(a, table, begin, end, scratch);
}
void fit_segments(const FitSegmentsArgs<double>& a, const double* table, int64_t begin, int64_t end, double* scratch) {
  run(a, table, begin, end, scratch);
}

}  // namespace KT_ABI
}  // namespace kinetrace

// fit_segments, the maths: exact search over all divisions of a track.
//
// best_k[j], the least sum of squares of the first j points in k segments, needs best_(k-1)[i] + cost(i, j) for all i < j.
// A fit that starts at i and grows gives cost(i, j) for every j at once, and best_(k-1)[i] is final when all earlier starts
// are done: so one sweep over the starts serves every k and no T x T table of costs exists. Costs up to the last point come
// from one fit that grows backwards. With at most two segments that makes the search linear in T.
#pragma once
#include "rows.hpp"
#include "score.hpp"

KT_MATHS_BEGIN

KT_HD double infinite() { return double(__builtin_huge_valf()); }  // no division that stands for it

template <class V, int D, int K>
struct SegmentSearch {
  using M = mask_of<V>;
  using L = SegmentLayout;

  SegmentRows<V> rows;
  const double* table;
  SegmentOptions options;
  int64_t least, longest;  // points of a segment at least, points of the longest problem
  int levels;  // segments at most, less one
  V count, floor, sums[kMaxSegments];

  KT_HD SegmentSearch(const SegmentRows<V>& r, const double* steps, const SegmentOptions& o, int64_t longest_count)
      : rows(r),
        table(steps),
        options(o),
        least(o.least),
        longest(longest_count),
        levels(o.levels),
        count(r.get(L::kCount)),
        floor(r.get(L::kFloor)) {}

  // A fit from point `start` on, lowering best(k, j) for every end j it reaches.
  template <class Steps>
  KT_HD void grow(int64_t start) {
    const int64_t end = start == 0 ? longest : longest - least;
    const V origin = rows.time(start), infinity{infinite()};
    V before[kMaxSegments];
    for (int k = 1; k + 1 < kMaxSegments; ++k) before[k] = start > 0 && k < levels ? rows.best(k, start) : infinity;
    Steps steps(table);
    RunningFit<V, D, K> fit;
    V y[D];
    for (int64_t j = start; j < end; ++j) {
      rows.template position<D>(j, y);
      fit.add(steps.next(rows.weight(j), rows.time(j) - origin), y);
      const int64_t past = j + 1;
      if (start == 0) {
        sums[0] = select(V(double(past)) == count, fit.sse, sums[0]);
        rows.set_best(1, past, past < least ? infinity : fit.sse);
        for (int k = 2; k <= levels; ++k) rows.set_best(k, past, infinity);
      } else if (past - start >= least) {
        for (int k = 2; k < kMaxSegments; ++k) {  // a bound known to the compiler keeps `before` in registers
          if (k > levels) break;
          const V sum = before[k - 1] + fit.sse;
          rows.set_best(k, past, min(sum, rows.best(k, past)));
        }
      }
    }
  }

  template <class Steps>
  KT_HD void sweep() {
    const V infinity{infinite()};
    for (int k = 1; k <= levels; ++k) rows.set_best(k, 0, infinity);
    const bool exhaustive = levels > 1;
    for (int64_t start = 0; start == 0 || start + 2 * least <= longest; start = start == 0 ? least : start + 1) {
      grow<Steps>(start);
      if (!exhaustive || (start == 0 && options.criterion == Criterion::bic && !any(sums[0] > floor)))
        return;  // nothing left to explain
    }
  }

  // sums[k - 1]: least sum of squares of all points in k segments, for k >= 2.
  template <class Steps>
  KT_HD void close_divisions() {
    grow_backwards<Steps, D, K>(rows, table, longest, count,
                                [&](int64_t i, const RunningFit<V, D, K>& fit, const Steps&, M inside) {
                                  const M long_enough = inside & (count - V(double(i)) >= V(double(least)));
                                  for (int k = 2; k <= kMaxSegments; ++k) {
                                    if (k > levels + 1) break;
                                    const V sum = rows.best(k - 1, i) + fit.sse;
                                    sums[k - 1] = select(long_enough & (sum < sums[k - 1]), sum, sums[k - 1]);
                                  }
                                });
  }

  // `regular`: every problem is an unbroken run of frames of equal weight. `aligned`: they are equally long, too.
  KT_HD void run(bool regular, bool aligned) {
    for (int k = 0; k < kMaxSegments; ++k) sums[k] = V(infinite());
    V segments{1.0}, target{0.0};
    if (levels > 0 && longest >= 2 * least) {
      if (regular) sweep<TableSteps<V, K>>();
      else sweep<OwnSteps<V, K>>();
      if (aligned) close_divisions<TableSteps<V, K>>();
      else close_divisions<OwnSteps<V, K>>();
      const V ratio = rows.get(L::kScale) / V(options.noise > 0 ? options.noise : 1.0);
      const SegmentChoice<V> choice{
          K, D, levels, least, options.criterion, count, floor, ratio * ratio * rows.get(L::kWeightMax)};
      segments = choice.choose(sums, options.noise > 0);
      for (int k = 1; k <= kMaxSegments; ++k) target = select(segments == V(double(k)), sums[k - 1], target);
    }
    rows.set(L::kPieces, segments);
    rows.set(L::kLeast, target);
  }
};

KT_MATHS_END

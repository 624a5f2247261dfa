// fit_segments, the maths: exact search over all divisions, then the chosen one piece by piece from its end.
//
// best_k[j], the least sum of squares of the first j points in k segments, needs best_(k-1)[i] + cost(i, j) for all i < j.
// A fit that starts at i and grows gives cost(i, j) for every j at once, and best_(k-1)[i] is final when all earlier starts
// are done: so one sweep over the starts serves every k and no T x T table of costs exists. Costs up to the last point come
// from one fit that grows backwards. With at most two segments that makes the search linear in T.
#pragma once
#include "finish.hpp"
#include "score.hpp"
#include "update.hpp"

KT_MATHS_BEGIN

template <class V, int D, int K> struct SegmentSearch {
  using M = mask_of<V>;

  SegmentRows<V> rows;
  const double* table;
  SegmentOptions options;
  int64_t least, longest;  // points of a segment at least, points of the longest problem
  int levels;              // segments at most, less one
  V count{0.0}, floor{0.0}, scale{1.0}, sums[kMaxSegments];

  KT_HD SegmentSearch(const SegmentRows<V>& r, const double* steps, const SegmentOptions& o, int64_t longest_count)
      : rows(r), table(steps), options(o), least(o.least), longest(longest_count), levels(o.levels) {}

  KT_HD void position(int64_t j, V* y) const {
    for (int d = 0; d < D; ++d) y[d] = rows.get(rows.layout.position() + j * D + d);
  }

  // Scales positions, weights and times of the used points to about 1, exactly for positions.
  KT_HD void normalize() {
    using L = SegmentLayout;
    const V spread = rows.get(L::kSpread), heaviest = rows.get(L::kWeightMax), span = rows.get(L::kTimeSpan);
    count = rows.get(L::kCount);
    scale = power_of_two(spread);
    const V inverse = V(1.0) / scale, last = count - V(1.0), divisor = select(span > V(0.0), span, V(1.0));
    const V rounding = fma(V(1e-5), spread, V(options.epsilon) * rows.get(L::kSize)) * inverse;
    floor = rows.get(L::kWeightSum) / heaviest * V(double(D)) * (rounding * rounding);
    for (int64_t j = 0; j < longest; ++j) {
      const M used = V(double(j)) < count;
      rows.set(rows.layout.weight() + j, select(used, rows.weight(j) / heaviest, V(0.0)));
      const V time = rows.time(j);
      rows.set(rows.layout.time() + j, select(used, options.own_times ? time / divisor * last : time, V(0.0)));
      for (int d = 0; d < D; ++d) {
        const int64_t row = rows.layout.position() + j * D + d;
        rows.set(row, select(used, rows.get(row) * inverse, V(0.0)));
      }
    }
  }

  // A fit from point `start` on, lowering best(k, j) for every end j it reaches.
  template <class Steps> KT_HD void grow(int64_t start) {
    const int64_t end = start == 0 ? longest : longest - least;
    const V origin = rows.time(start), infinity = V(limits<double>::largest) * V(2.0);
    V before[kMaxSegments];
    for (int k = 1; k < levels; ++k) before[k] = start == 0 ? infinity : rows.best(k, start);
    Steps steps(table);
    RunningFit<V, D, K> fit;
    V y[D];
    for (int64_t j = start; j < end; ++j) {
      position(j, y);
      fit.add(steps.next(rows.weight(j), rows.time(j) - origin), y);
      const int64_t past = j + 1;
      if (start == 0) {
        sums[0] = select(V(double(past)) == count, fit.sse, sums[0]);
        rows.set_best(1, past, past < least ? infinity : fit.sse);
        for (int k = 2; k <= levels; ++k) rows.set_best(k, past, infinity);
      } else if (past - start >= least) {
        for (int k = 2; k <= levels; ++k) {
          const V sum = before[k - 1] + fit.sse;
          rows.set_best(k, past, min(sum, rows.best(k, past)));
        }
      }
    }
  }

  // A fit that grows backwards from the last point before `end`; visit(i, fit, steps, inside) after each point i.
  template <class Steps, class F> KT_HD void backward(V end, const F& visit) const {
    Steps steps(table);
    RunningFit<V, D, K> fit;
    V y[D], origin{0.0};
    for (int64_t i = longest - 1; i >= 0; --i) {
      const M inside = V(double(i)) < end;
      origin = select(V(double(i)) == end - V(1.0), rows.time(i), origin);
      position(i, y);
      fit.add(steps.next(select(inside, rows.weight(i), V(0.0)), origin - rows.time(i)), y);
      visit(i, fit, steps, inside);
    }
  }

  // sums[k - 1]: least sum of squares of all points in k segments, for k >= 2.
  template <class Steps> KT_HD void close_divisions() {
    backward<Steps>(count, [&](int64_t i, const RunningFit<V, D, K>& fit, const Steps&, M inside) {
      const M long_enough = inside & (count - V(double(i)) >= V(double(least)));
      for (int k = 2; k <= levels + 1; ++k) {
        const V sum = rows.best(k - 1, i) + fit.sse;
        sums[k - 1] = select(long_enough & (sum < sums[k - 1]), sum, sums[k - 1]);
      }
    });
  }

  // The piece that ends before `end` as the last of `level` segments: the earliest start within `floor` of `target`.
  template <class Steps> KT_HD Piece<V, D, K> last_piece(V end, V level, V target) const {
    Piece<V, D, K> piece;
    const V limit = target + floor;
    backward<Steps>(end, [&](int64_t i, const RunningFit<V, D, K>& fit, const Steps& steps, M inside) {
      V before{0.0};
      for (int k = 1; k <= levels; ++k) before = i > 0 ? select(level == V(double(k + 1)), rows.best(k, i), before) : before;
      const M last = inside & (V(double(i)) == end - V(1.0));
      piece.last_time = select(last, rows.time(i), piece.last_time);
      piece.last_frame = select(last, rows.frame(i), piece.last_frame);
      const M split = (level > V(1.0)) & (end - V(double(i)) >= V(double(least))) & (before + fit.sse <= limit);
      const M starts = inside & (i > 0 ? split : level == V(1.0));
      if (any(starts)) piece.keep(starts, fit, steps, V(double(i)), rows.time(i), rows.frame(i), before);
    });
    return piece;
  }

  template <class Steps> KT_HD void search(bool triangle) {
    grow<Steps>(0);
    if (!triangle || (options.criterion == Criterion::bic && !any(sums[0] > floor))) return;  // nothing but rounding to explain
    for (int64_t start = least; start + 2 * least <= longest; ++start) grow<Steps>(start);
  }

  // `regular`: every problem is an unbroken run of frames of equal weight. `aligned`: they are equally long, too.
  KT_HD void run(bool regular, bool aligned) {
    using L = SegmentLayout;
    normalize();
    const V infinity = V(limits<double>::largest) * V(2.0);
    for (int k = 0; k < kMaxSegments; ++k) sums[k] = infinity;
    V segments{1.0};
    if (levels > 0 && longest >= 2 * least) {
      for (int k = 1; k <= levels; ++k) rows.set_best(k, 0, infinity);
      if (regular) search<TableSteps<V, K>>(levels > 1);
      else search<OwnSteps<V, K>>(levels > 1);
      if (aligned) close_divisions<TableSteps<V, K>>();
      else close_divisions<OwnSteps<V, K>>();
      const V ratio = scale / V(options.noise > 0 ? options.noise : 1.0);
      const SegmentChoice<V> choice{K, D, levels, least, options.criterion, count, floor, ratio * ratio * rows.get(L::kWeightMax)};
      segments = choice.choose(sums, options.noise > 0);
    }
    write_pieces(segments, aligned);
  }

  KT_HD void write_pieces(V segments, bool aligned) const {
    using L = SegmentLayout;
    const TimeScale<V> seconds(rows, count, options.own_times, options.dt);
    V target = sums[0], end = count, sse{0.0};
    for (int k = 2; k <= levels + 1; ++k) target = select(segments == V(double(k)), sums[k - 1], target);
    Piece<V, D, K> later;
    M finite{true};
    for (int p = 0; p <= levels; ++p) {
      const V level = segments - V(double(p));
      if (!any(level > V(0.0))) break;
      const Piece<V, D, K> piece = aligned && p == 0 ? last_piece<TableSteps<V, K>>(end, level, target) : last_piece<OwnSteps<V, K>>(end, level, target);
      const M inactive = level <= V(0.0);
      sse = sse + select(inactive, V(0.0), piece.sse);
      const int64_t row = L::kPiece + p * rows.layout.piece_rows();
      if (p > 0) {
        const V contact = seconds.of(contact_between(piece, later));
        finite = finite & (inactive | (abs(contact) <= V(options.largest)));
        rows.set(row - rows.layout.piece_rows() + 1, contact);
      }
      rows.set(row, piece.first_frame);
      for (int d = 0; d < D; ++d) {
        V c[K + 1];
        for (int k = 0; k <= K; ++k) c[k] = piece.c[k][d];
        seconds.template derivatives_at_zero<K>(c, piece.last_time, scale);
        c[0] = c[0] + rows.get(L::kOrigin + d);
        for (int k = 0; k <= K; ++k) {
          finite = finite & (inactive | (abs(c[k]) <= V(options.largest)));
          rows.set(row + 2 + k * D + d, c[k]);
        }
      }
      later = piece;
      end = select(level > V(1.0), piece.start, V(0.0));
      target = piece.before;
    }
    const V heaviest = rows.get(L::kWeightMax);
    rows.set(L::kResidualRms, sqrt(sse / (rows.get(L::kWeightSum) / heaviest)) * scale);
    rows.set(L::kPieces, segments);
    const V status = rows.get(L::kStatus);
    rows.set(L::kOutcome, select(status == V(0.0), select(finite, V(double(kOk)), V(double(kNonFinite))), status));
  }
};

KT_MATHS_END

// fit_segments, the maths: the chosen division, piece by piece from the end of the track.
#pragma once
#include "finish.hpp"
#include "rows.hpp"

KT_MATHS_BEGIN

template <class V, int D, int K>
struct SegmentPieces {
  using M = mask_of<V>;
  using L = SegmentLayout;

  SegmentRows<V> rows;
  const double* table;
  SegmentOptions options;
  int64_t longest;
  V tie;

  KT_HD SegmentPieces(const SegmentRows<V>& r, const double* steps, const SegmentOptions& o, int64_t longest_count)
      : rows(r), table(steps), options(o), longest(longest_count), tie(r.get(L::kTie)) {}

  // The piece that ends before `end` as the last of `level` segments: the earliest start whose sum equals `target`,
  // but for rounding: of the positions, and of sums made in another order.
  template <class Steps>
  KT_HD Piece<V, D, K> last_piece(V end, V level, V target) const {
    Piece<V, D, K> piece;
    const V limit = fma(target, V(1e-12), target + tie), least{double(options.least)};
    grow_backwards<Steps, D, K>(
        rows, table, longest, end, [&](int64_t i, const RunningFit<V, D, K>& fit, const Steps& steps, M inside) {
          const M last = inside & (V(double(i)) == end - V(1.0));
          piece.last_time = select(last, rows.time(i), piece.last_time);
          piece.last_frame = select(last, rows.frame(i), piece.last_frame);
          M starts = inside & (level == V(1.0));
          V before{0.0};
          if (i > 0) {
            for (int k = 1; k <= options.levels; ++k)
              before = select(level == V(double(k + 1)), rows.best(k, i), before);
            starts = inside & (level > V(1.0)) & (end - V(double(i)) >= least) & (before + fit.sse <= limit);
          }
          if (any(starts)) piece.keep(starts, fit, steps, V(double(i)), rows.time(i), rows.frame(i), before);
        });
    return piece;
  }

  // Writes piece p, counted from the last; false where a number of it is beyond the caller's dtype.
  KT_HD M write_piece(int p, const Piece<V, D, K>& piece, const TimeScale<V>& seconds, V scale) const {
    const V largest{options.largest};
    const int64_t row = L::kPiece + p * rows.layout.piece_rows();
    M finite{true};
    rows.set(row, piece.first_frame);
    for (int d = 0; d < D; ++d) {
      V c[K + 1];
      for (int k = 0; k <= K; ++k) c[k] = piece.c[k][d];
      seconds.template derivatives_at_zero<K>(c, piece.last_time, scale);
      c[0] = c[0] + rows.get(L::kOrigin + d);
      for (int k = 0; k <= K; ++k) {
        finite = finite & (abs(c[k]) <= largest);
        rows.set(row + 2 + k * D + d, c[k]);
      }
    }
    return finite;
  }

  KT_HD void run(bool aligned) const {
    const V count = rows.get(L::kCount), segments = rows.get(L::kPieces), scale = rows.get(L::kScale),
            heaviest = rows.get(L::kWeightMax);
    const TimeScale<V> seconds(rows, count, options.own_times, options.dt);
    V target = rows.get(L::kLeast), end = count, sse{0.0};
    Piece<V, D, K> later;
    M finite{true};
    for (int p = 0; p <= options.levels; ++p) {
      const V level = segments - V(double(p));
      const M done = level <= V(0.0);
      if (all(done)) break;
      const Piece<V, D, K> piece = aligned && p == 0 ? last_piece<TableSteps<V, K>>(end, level, target)
                                                     : last_piece<OwnSteps<V, K>>(end, level, target);
      finite = finite & (done | write_piece(p, piece, seconds, scale));
      if (p > 0) {
        const V contact = seconds.of(contact_between(piece, later));
        finite = finite & (done | (abs(contact) <= V(options.largest)));
        rows.set(L::kPiece + (p - 1) * rows.layout.piece_rows() + 1, contact);
      }
      sse = sse + select(done, V(0.0), piece.sse);
      end = select(level > V(1.0), piece.start, V(0.0));
      target = piece.before;
      later = piece;
    }
    const V status = rows.get(L::kStatus);
    rows.set(L::kResidualRms, sqrt(sse / (rows.get(L::kWeightSum) / heaviest)) * scale);
    rows.set(L::kStatus, select(finite | (status != V(double(kOk))), status, V(double(kNonFinite))));
  }
};

KT_MATHS_END

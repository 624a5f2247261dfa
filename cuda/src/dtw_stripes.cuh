// dtw on CUDA: a team's way through one pair: stripes of columns from left to right, then the result.
#pragma once
#include "dtw_team.cuh"

namespace kinetrace {
namespace KT_BACKEND {
namespace {

template <class T, class Cells, int C, bool kChoice> struct TeamRun {
  using Rows = LaneRows<T, Cells, C>;
  using Word = typename Rows::Word;
  const DtwArgs<T>& a;
  const Team<T>& team;
  DtwPair p;  // n = m = 0: nothing to compute, but the warp's other teams need this one's lanes
  Band band, mirrored;
  T* edge;
  Word* directions;
  int32_t* own_cells;
  bool bad, blank;

  __device__ TeamRun(const DtwArgs<T>& args, const Team<T>& lanes, const Layout& layout, unsigned char* slot,
                     const DtwPair& pair)
      : a(args),
        team(lanes),
        p(pair),
        band(band_of(args.window, pair.n, pair.m)),
        mirrored{pair.m, pair.n, band.slack},
        edge(reinterpret_cast<T*>(slot)),
        directions(reinterpret_cast<Word*>(slot + layout.directions)),
        own_cells(reinterpret_cast<int32_t*>(slot + layout.cells)),
        bad(false),
        blank(false) {}

  __device__ int stripe_columns() const { return team.group * C; }
  __device__ int stripes() const { return int((p.m + stripe_columns() - 1) / stripe_columns()); }

  // Rows of a stripe that the window leaves; none before the first and behind the last stripe.
  __device__ void rows_of(int stripe, int& begin, int& end) const {
    begin = end = 0;
    if (stripe < 0 || stripe >= stripes()) return;
    const int64_t first = int64_t(stripe) * stripe_columns(), behind = first + stripe_columns();
    begin = int(first_column(mirrored, first)),
    end = int(last_column(mirrored, behind < p.m ? behind - 1 : p.m - 1)) + 1;
  }

  __device__ bool samples_are_finite(const Strided<const T, 3>& s, int64_t at, int64_t count) const {
    bool finite = true;
    for (int64_t i = team.rank(); i < count; i += team.size())
      for (int64_t d = 0; d < a.dims; ++d)
        finite = finite & is_finite(s.data[at * s.stride[0] + i * s.stride[1] + d * s.stride[2]]);
    return finite;
  }

  // All stripes. A team with several warps works on as many stripes at once, each two chunks of rows behind the one before.
  __device__ PathEnd<T> stripes_of(bool choice) {
    PathEnd<T> end{infinity<T>(), 0x7fffffff};
    const int count = team.warps > 1 ? stripes() : warp_max(stripes());
    for (int sweep = 0; sweep < count; sweep += team.warps) {
      const int stripe = sweep + team.warp, first = stripe * stripe_columns() + team.lane * C;
      Rows rows(a, p, blank);
      // What this round writes, the next one reads.
      const int64_t round = sweep / team.warps & 1;
      Edge<T> in{edge + (1 - round) * a.rows, ~0, 0, 0};
      int low, high;
      rows_of(stripe - 1, in.low, in.high);
      rows_of(stripe, low, high);
      const bool hands_on = team.lane == team.group - 1 && stripe + 1 < stripes();  // KT_MUTATE: + 1 -> + 2
      T* out = hands_on ? edge + round * a.rows : nullptr;
      int out_mask = ~0;
      Word* words = directions + int64_t(stripe) * stripe_words(a.rows, team.group);
      rows.start(a, band, first, low, high);
      if (team.warps == 1) {
        rows.meet(in, low, first == 0);
        const int steps = warp_max(high > low ? high - low + team.group - 1 : 0);
        advance(rows, choice, 0, steps, low, in, out, out_mask, words);
        __syncwarp(kAllLanes);
      } else {
        int base, until, unused;
        rows_of(sweep, base, unused);
        rows_of(sweep + team.warps < count ? sweep + team.warps - 1 : count - 1, unused, until);
        if (team.warp > 0) in.values = team.shared->edge[team.warp - 1], in.mask = kRing - 1;
        if (team.warp + 1 < team.warps && out) out = team.shared->edge[team.warp], out_mask = kRing - 1;
        const int chunks = (until - base + kWarp - 1 + kChunk - 1) / kChunk + 2 * (team.warps - 1);
        for (int b = 0; b < chunks; ++b) {
          const int chunk = b - 2 * team.warp;  // KT_MUTATE: 2 * team.warp -> team.warp
          if (chunk == 0) rows.meet(in, base, first == 0);
          if (chunk >= 0) advance(rows, choice, chunk * kChunk, (chunk + 1) * kChunk, base, in, out, out_mask, words);
          __syncthreads();
        }
      }
      take_last_row(rows, first, end);
      bad = bad || rows.cells.bad();
    }
    return team.best(end);
  }

  __device__ __forceinline__ void advance(Rows& rows, bool choice, int from, int to, int base, const Edge<T>& in,
                                          T* out, int out_mask, Word* words) {
    if (kChoice && choice) rows.template run<kChoice>(team, from, to, base, in, out, out_mask, words);
    else if (!kChoice || !Cells::kNonNegative || choice)
      rows.template run<false>(team, from, to, base, in, out, out_mask, words);
  }

  __device__ void take_last_row(const Rows& rows, int first, PathEnd<T>& end) const {
    const bool has_last = rows.end == p.n && rows.begin < rows.end;
#pragma unroll
    for (int k = 0; k < C; ++k) {
      const int j = first + k;
      if (j >= p.m) break;  // KT_MUTATE: j >= p.m -> j > p.m
      const T v = has_last ? rows.up[k] : infinity<T>();
      if (a.free_end || j == p.m - 1) end.take(v, j);
      if (a.curve && !blank) a.curve[p.at * a.columns + j] = v <= limits<T>::largest ? normalized(a, p, v, 1) : v;
    }
  }

  __device__ int64_t walk(int64_t end, int32_t* cells) const {
    int64_t i = p.n - 1, j = end, length = 0;
    for (;; ++length) {
      cells[2 * length] = int32_t(i), cells[2 * length + 1] = int32_t(j);
      if (i == 0 && (a.free_start || j == 0)) return length + 1;
      const int64_t stripe = j / stripe_columns(), lane = (j - stripe * stripe_columns()) / C;
      const int64_t at = stripe * stripe_words(a.rows, team.group) + (i + lane) * team.group + lane;
      const int k = int(uint32_t(directions[at]) >> (j % C * 2) & 3u);
      i -= a.steps.di[k], j -= a.steps.dj[k];
    }
  }

  // skip: no pair for this team.
  __device__ void solve(bool skip) {
    const bool empty = p.n == 0;
    if (a.metric != Metric::given) bad = !samples_are_finite(a.x, p.x_at, p.n) || !samples_are_finite(a.y, p.y_at, p.m);
    const PathEnd<T> end = stripes_of(kChoice);
    bad = team.any(bad);
    int32_t status = empty ? int32_t(kEmpty) : status_of(p, end.value, bad);
    if constexpr (Cells::kNonNegative) {
      if (status == kInfeasible) status = kNonFinite;  // single steps always lead through: the sum is too large
    } else {
      const bool again = status == kInfeasible;
      if (team.warps > 1 ? again : __any_sync(kAllLanes, again)) {
        const DtwPair whole = p;
        if (!again) p.n = p.m = 0;
        blank = true;
        const T other = stripes_of(false).value;
        if (again && other <= limits<T>::largest) status = kNonFinite;
        p = whole;
      }
    }
    team.wait();
    if (skip) return;
    if (a.curve) finish_curve(status);
    if (team.rank() != 0) return;
    int64_t length = 0;
    int32_t* cells = a.path ? a.path + p.at * 2 * a.path_capacity : own_cells;
    if (kChoice) {
      if (status == kOk) length = walk(end.column, cells);
      write_path(a, p, cells, length);
      if (a.rewards) write_rewards(a, p, status, cells, length);
    }
    write_distance(a, p, status, end.value, length);
  }

  __device__ void finish_curve(int32_t status) const {
    const bool known = status == kOk || status == kInfeasible;
    for (int64_t j = (known ? p.m : 0) + team.rank(); j < a.columns; j += team.size())
      a.curve[p.at * a.columns + j] = known ? infinity<T>() : quiet_nan<T>();
  }
};

template <class T, class Cells, int C, bool kChoice>
__global__ void __launch_bounds__(kMostWarps* kWarp, 1) dtw_team_kernel(DtwArgs<T> a, Plan plan, Layout layout) {
  KT_SHARED(Exchange<T>, exchange);
  const Team<T> team(plan, &exchange);
  // Teams of one warp: the warp's lanes stay together, whatever the lengths of their pairs.
  const int in_warp = kWarp / plan.group, own = plan.warps > 1 ? 0 : int(threadIdx.x) % kWarp / plan.group;
  const int64_t warp = int64_t(blockIdx.x) * (kThreads / kWarp) + threadIdx.x / kWarp;
  const int64_t first = plan.warps > 1 ? blockIdx.x : warp * in_warp;
  if (first >= layout.teams) return;
  unsigned char* slot = static_cast<unsigned char*>(a.workspace) + (first + own) * layout.slot;
  for (int64_t from = first; from < a.pairs; from += layout.teams) {
    const int64_t at = from + own;
    const bool skip = at >= a.pairs || (a.pairing == Pairing::upper && at / a.y_count > at % a.y_count);
    DtwPair pair{at, 0, 0, 0, 0};
    if (!skip) pair = pair_of(a, at);
    if (pair.n == 0 || pair.m == 0) pair.n = pair.m = 0;
    TeamRun<T, Cells, C, kChoice>(a, team, layout, slot, pair).solve(skip);
    team.wait();
  }
}

}  // namespace
}  // namespace KT_BACKEND
}  // namespace kinetrace

// dtw: the value of one cell. Every schedule computes cells by this rule, to the last bit:
//
//     D[i, j] = min over groups g of  add_cost(min over steps k of g of D[i - di_k, j - dj_k], weight_g, C[i, j])
//
// (add_square in place of add_cost for sqeuclidean of one coordinate), starting from D[0, 0] = C[0, 0], or with a free start
// from D[0, j] = C[0, j]; +inf outside the table and the window, and wherever the cost is +inf. Both minima keep the first of
// equal values, which is the step that a path takes. symmetric1 is one group: min(diagonal, up, left) + cost; the path goes
// diagonally if diagonal <= min(up, left), else up (to i - 1) if up <= left.
#pragma once
#include "../alignment/local_cost.hpp"
#include "types.hpp"

KT_MATHS_BEGIN

constexpr int kMaxPlanes = 4;  // bits of the number of a step
KT_HD int planes_of(int steps) { return steps <= 2 ? 1 : steps <= 4 ? 2 : steps <= 8 ? 3 : 4; }

// The number of the step that each lane takes, bit by bit.
template <class V> struct Choice {
  mask_of<V> plane[kMaxPlanes] = {};

  // Where `better`, the number becomes k, or that of another choice.
  KT_HD void take(int planes, mask_of<V> better, int k) {
    for (int p = 0; p < planes; ++p) plane[p] = (k >> p) & 1 ? plane[p] | better : plane[p] & !better;
  }
  KT_HD void take(int planes, mask_of<V> better, const Choice& other) {
    for (int p = 0; p < planes; ++p) plane[p] = (other.plane[p] & better) | (plane[p] & !better);
  }
};
struct ScalarChoice {
  int32_t number = 0;

  KT_HD void take(int, bool better, int k) { number = better ? k : number; }
  KT_HD void take(int, bool better, const ScalarChoice& other) { number = better ? other.number : number; }
};
template <> struct Choice<float> : ScalarChoice {};
template <> struct Choice<double> : ScalarChoice {};

// One cell. before(k): the value that step k comes from. kChoice: also which step is taken, of `planes` bits.
template <bool kSquare, bool kChoice, class V, class Before>
KT_HD V enter_cell(const StepTable& steps, const scalar_of<V>* weights, const Before& before, V cost, int planes,
                   Choice<V>& choice) {
  using T = scalar_of<V>;
  V best = V(infinity<T>());
  int k = 0;
  for (int g = 0; g < steps.groups; ++g) {
    V nearest = before(k);
    Choice<V> inside;
    if (kChoice) inside.take(planes, mask_of<V>(true), k);
    for (++k; k < steps.group_end[g]; ++k) {
      const V other = before(k);
      if (kChoice) inside.take(planes, other < nearest, k);
      nearest = min(other, nearest);
    }
    const V weight = V(weights[g]);
    V after;
    if (kSquare && weights[g] == T(0)) after = select(abs(cost) < V(infinity<T>()), nearest, V(infinity<T>()));
    else if (kSquare) after = add_square(nearest, weight, cost);
    else after = weights[g] == T(1) ? nearest + cost : add_cost(nearest, weight, cost);
    if (g == 0) {
      best = after;
      if (kChoice) choice = inside;
    } else {
      if (kChoice) choice.take(planes, after < best, inside);
      best = min(after, best);
    }
  }
  return kSquare ? best : select(cost < V(infinity<T>()), best, V(infinity<T>()));
}

KT_MATHS_END

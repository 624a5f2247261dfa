// track_residual on the CPU: strips of tracks over threads, then the sums of their groups.
#include <kinetrace/backends.hpp>
#include <kinetrace/track_residual/residual.hpp>

#include "simd/track_residual.hpp"
#include "thread_pool.hpp"

namespace kinetrace {
namespace cpu {
namespace {

template <class T> int64_t workspace(const TrackResidualArgs<T>& a) {
  return a.reduction == ResidualReduction::none ? 0 : a.problems * groups_of(a) * (sums_of(a) + 1);
}

// One sum of one problem over its groups, which lie `pitch` apart.
double sum_groups(const double* first, int64_t groups, int64_t pitch) {
  double lanes[kTrackLanes] = {};
  for (int64_t g = 0; g < groups; ++g) lanes[g % kTrackLanes] += first[g * pitch];
  tree_sum(lanes);
  return lanes[0];
}

template <class T> void finish(const TrackResidualArgs<T>& a) {
  const int sums = sums_of(a);
  const int64_t groups = groups_of(a);
  for (int64_t b = 0; b < a.problems; ++b) {
    const double* partial = a.workspace + b * groups * (sums + 1);
    a.count[b] = sum_groups(partial + sums, groups, sums + 1);
    for (int c = 0; c < sums; ++c)
      a.value[b * sums + c] = value_of(a, sum_groups(partial + c, groups, sums + 1), a.count[b]);
  }
}

// Calls body(problem, first track) for every strip; several strips a chunk when they are short.
template <class T, class Body> void over_strips(const TrackResidualArgs<T>& a, const Launch& launch, const Body& body) {
  const int64_t strips = (a.tracks + kTrackStrip - 1) / kTrackStrip;
  const int64_t width = a.tracks < kTrackStrip ? a.tracks : kTrackStrip;
  const int64_t grain = 1 + 50000 / (1 + a.frames * width * a.dims);
  parallel_for(a.problems * strips, grain, launch.num_threads, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) body(i / strips, i % strips * kTrackStrip);
  });
}

template <class T> Outcome forward(const TrackResidualArgs<T>& a, const Launch& launch) {
  over_strips(a, launch, [&](int64_t problem, int64_t first) { KT_SIMD_CALL(track_residual, a, problem, first); });
  if (a.reduction != ResidualReduction::none) finish(a);
  return {};
}

template <class T> Outcome backward(const TrackResidualArgs<T>& a, const Launch& launch) {
  over_strips(a, launch,
              [&](int64_t problem, int64_t first) { KT_SIMD_CALL(track_residual_backward, a, problem, first); });
  return {};
}

}  // namespace

int64_t track_residual_workspace(const TrackResidualArgs<float>& a) { return workspace(a); }
int64_t track_residual_workspace(const TrackResidualArgs<double>& a) { return workspace(a); }
Outcome track_residual(const TrackResidualArgs<float>& a, const Launch& launch) { return forward(a, launch); }
Outcome track_residual(const TrackResidualArgs<double>& a, const Launch& launch) { return forward(a, launch); }
Outcome track_residual_backward(const TrackResidualArgs<float>& a, const Launch& launch) { return backward(a, launch); }
Outcome track_residual_backward(const TrackResidualArgs<double>& a, const Launch& launch) {
  return backward(a, launch);
}

}  // namespace cpu
}  // namespace kinetrace

// dtw on CUDA: which schedule a call gets, and where its parts of the workspace lie. Decided on the host by shapes alone;
// every schedule gives the same bits.
#pragma once
#include <cstdlib>

#include <kinetrace/backends.hpp>
#include <kinetrace/dtw/thread.hpp>

namespace kinetrace {
namespace KT_BACKEND {
namespace {

constexpr int kWarp = 32, kMostWarps = 8;  // warps of one pair
constexpr int kThreads = 128;  // of a block whose warps work on pairs of their own
constexpr int64_t kMostThreads = int64_t(1) << 18;

// Who works on one pair: a thread with its rows in the workspace (columns 0), or a team of `group` lanes of a warp, or of
// `warps` whole warps; each lane owns `columns` neighbouring columns of a stripe.
struct Plan {
  int columns = 0, group = 1, warps = 1;
  int64_t most_bytes = int64_t(2) << 30;  // of the workspace; then fewer teams take several pairs each
};

enum class Cells { square, distance, any };  // what a team's lanes know at compile time

template <class T> bool has_unit_steps(const DtwArgs<T>& a) {
  return a.steps.max_di <= 1 && a.steps.max_dj <= 1 && a.steps.count <= 4 && a.metric != Metric::user;
}
template <class T> bool is_symmetric1(const DtwArgs<T>& a) {
  const StepTable& s = a.steps;
  return s.count == 3 && s.groups == 1 && a.weights[0] == T(1) && s.di[0] == 1 && s.dj[0] == 1 && s.di[1] == 1 &&
         s.dj[1] == 0 && s.di[2] == 0 && s.dj[2] == 1;
}
template <class T> Cells cells_of(const DtwArgs<T>& a) {
  if (a.dims != 1 || !is_symmetric1(a)) return Cells::any;
  if (a.metric == Metric::sqeuclidean) return Cells::square;
  return a.metric == Metric::l1 ? Cells::distance : Cells::any;
}

// KINETRACE_DTW_TEAM="columns,group,warps[,bytes]" forces a schedule where it applies, "0,1,1" one thread per pair. For tests.
inline bool forced_plan(Plan& plan) {
  const char* text = std::getenv("KINETRACE_DTW_TEAM");
  Plan p;
  long long bytes = p.most_bytes;
  if (!text || std::sscanf(text, "%d,%d,%d,%lld", &p.columns, &p.group, &p.warps, &bytes) < 3) return false;
  p.most_bytes = bytes;
  const bool group_fits = p.group >= 1 && p.group <= kWarp && (p.group & (p.group - 1)) == 0;
  const bool warps_fit = p.warps >= 1 && p.warps <= kMostWarps && (p.warps == 1 || p.group == kWarp);
  if ((p.columns != 0 && p.columns != 4 && p.columns != 16) || !group_fits || !warps_fit) return false;
  plan = p;
  return true;
}

inline int power_of_two_from(int64_t count, int most) {
  int power = 1;
  while (power < most && power < count) power *= 2;
  return power;
}

// Whether wide stripes with a window and a path fit into 255 registers a thread; doubles would spill.
template <class T> constexpr bool kWideBandPaths = sizeof(T) < 8;

// Wide stripes cost fewest instructions per cell; narrow ones, and several warps per pair, give few pairs more lanes.
// kEnough warps are about four for each of the 528 schedulers of the largest GPUs.
template <class T> Plan plan_of(const DtwArgs<T>& a) {
  constexpr int64_t kEnough = 2048;
  Plan plan;
  const bool forced = forced_plan(plan);
  if (!has_unit_steps(a)) return Plan{0, 1, 1, plan.most_bytes};
  const bool wide_fits = cells_of(a) != Cells::any && (kWideBandPaths<T> || !a.window.limited || !wants_path(a));
  if (!forced) {
    const int64_t wide = (a.columns + 15) / 16, narrow = (a.columns + 3) / 4;
    const int64_t wide_warps = (a.pairs * (wide < kWarp ? wide : kWarp) + kWarp - 1) / kWarp;
    plan.columns = wide_fits && wide_warps >= kEnough ? 16 : 4;
    const int64_t lanes = plan.columns == 16 ? wide : narrow;
    plan.group = power_of_two_from(lanes, kWarp);
    if (lanes > kWarp && a.pairs < kEnough) plan.warps = power_of_two_from((lanes + kWarp - 1) / kWarp, kMostWarps);
  }
  if (!wide_fits && plan.columns == 16) plan.columns = 4;
  return plan;
}

// Where a team's parts of the workspace begin, in bytes from its slot: two right edges of stripes, directions, and a path that the
// caller does not get. A thread's parts (columns 0) lie interleaved with those of the others.
struct Layout {
  int64_t teams, directions, cells, slot, bytes;
};
inline int64_t rounded16(int64_t bytes) { return (bytes + 15) / 16 * 16; }

template <class T> Layout thread_layout(const DtwArgs<T>& a, const Plan& plan) {
  const DtwSpace<T> space = space_of(a);
  const int64_t own_cells = wants_path(a) && !a.path ? 2 * a.path_capacity : 0;
  const int64_t each = space.ring * int64_t(sizeof(T)) + (space.directions + own_cells) * 4;
  Layout at;
  at.teams = plan.most_bytes / (each > 0 ? each : 1);
  at.teams = at.teams < a.pairs ? at.teams : a.pairs;
  at.teams = at.teams < 1 ? 1 : at.teams > kMostThreads ? kMostThreads : at.teams;
  at.directions = rounded16(at.teams * space.ring * int64_t(sizeof(T)));
  at.cells = at.directions + at.teams * space.directions * 4;
  at.slot = 0, at.bytes = at.cells + at.teams * own_cells * 4;
  return at;
}

// Words of a direction table: one per lane and step, so that a warp writes them side by side.
KT_HD int64_t stripe_words(int64_t rows, int group) { return (rows + group) * group; }

template <class T> Layout team_layout(const DtwArgs<T>& a, const Plan& plan) {
  const int64_t stripe = int64_t(plan.columns) * plan.group, stripes = (a.columns + stripe - 1) / stripe;
  const int64_t in_block = kThreads / plan.group;  // teams, for plan.warps == 1
  Layout at;
  at.directions = stripes > plan.warps ? rounded16(2 * a.rows * int64_t(sizeof(T))) : 0;
  const int64_t words = wants_path(a) ? stripes * stripe_words(a.rows, plan.group) : 0;
  at.cells = at.directions + rounded16(words * plan.columns / 4);
  at.slot = at.cells + (wants_path(a) && !a.path ? rounded16(2 * a.path_capacity * 4) : 0);
  const int64_t fitting = at.slot > 0 ? plan.most_bytes / at.slot : kMostThreads;
  at.teams = a.pairs < fitting ? a.pairs : fitting;
  at.teams = at.teams < 1 ? 1 : at.teams > kMostThreads ? kMostThreads : at.teams;
  if (plan.warps == 1) at.teams = (at.teams + in_block - 1) / in_block * in_block;
  at.bytes = at.teams * at.slot;
  return at;
}

template <class T> Layout layout_of(const DtwArgs<T>& a, const Plan& plan) {
  return plan.columns ? team_layout(a, plan) : thread_layout(a, plan);
}

}  // namespace
}  // namespace KT_BACKEND
}  // namespace kinetrace

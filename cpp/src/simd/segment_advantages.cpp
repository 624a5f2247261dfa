// segment_advantages on one instruction set: look-ups in a table that lies in a register or in the first cache.
#include "segment_advantages.hpp"

#include <kinetrace/core/pack.hpp>
#include <kinetrace/segment_advantages/pick.hpp>

#include "../thread_pool.hpp"
#include "segment_places.hpp"
#include "stream.hpp"

namespace kinetrace {
namespace KT_ABI {
namespace {

constexpr int64_t kBlock = 128;  // tokens

template <class T, class I>
void look_up(const I* segments, int64_t step, int64_t count, const T* table, int64_t columns, T* to) {
  if (step == 1)
    for (int64_t t = 0; t < count; ++t) to[t] = table[place_of(segments[t], columns)];
  else
    for (int64_t t = 0; t < count; ++t) to[t] = table[place_of(segments[t * step], columns)];
}

// Tables that fit a register, a line of results at a time: reading the ids and writing the results overlap this way, which
// they do less the larger the blocks that both come in.
template <class T, class I>
void pick_lines(const I* segments, int64_t count, const T* table, int64_t columns, T* to, bool streaming) {
  constexpr int kLine = 64 / int(sizeof(T));
  int64_t t = 0;
  if (streaming) {
    while (t < count && !begins_line(to + t)) ++t;
    look_up(segments, 1, t, table, columns, to);
    for (; t + kLine <= count; t += kLine) pick_line<true>(segments + t, table, columns, to + t);
  }
  for (; t + kLine <= count; t += kLine) pick_line<false>(segments + t, table, columns, to + t);
  look_up(segments + t, 1, count - t, table, columns, to + t);
}

// Two segments, as PA-GRPO has them: comparisons cost less than look-ups. Narrow ids are widened first: compilers do not
// vectorise a choice of floats by bytes.
template <class T, class I> void choose(const I* segments, int64_t count, const T* table, T* to) {
  using Wide = std::conditional_t<sizeof(I) == 8, int64_t, int32_t>;
  const T none = table[0], first = table[1], second = table[2], wrong = table[3];
  for (int64_t t = 0; t < count; ++t) {
    const Wide s = segments[t];
    const T inside = s == 0 ? first : second, outside = s == -1 ? none : wrong;
    to[t] = (s & ~Wide(1)) == 0 ? inside : outside;
  }
}

// Results that will not stay in the caches leave in whole lines.
template <class T> void copy_out(const T* from, int64_t count, T* to) {
  constexpr int kLine = 64 / int(sizeof(T));
  int64_t t = 0;
  for (; t < count && !begins_line(to + t); ++t) to[t] = from[t];
  for (; t + kLine <= count; t += kLine) stream_line(to + t, from + t);
  for (; t < count; ++t) to[t] = from[t];
}

template <class T, class I>
void run(const SegmentAdvantagesArgs<T>& a, const Strided<const I, 2>& segments, int64_t row, int64_t first,
         int64_t last, bool streaming) {
  constexpr int64_t kRegister = kTableSize<T>;
  const int64_t places = a.columns + 2 < kRegister ? kRegister : a.columns + 2, step = segments.stride[1];
  T* table = static_cast<T*>(thread_scratch(std::size_t(places) * sizeof(T)));
  table[0] = T(0);
  for (int64_t k = 0; k < a.columns; ++k)
    table[k + 1] = a.advantages.data[row * a.advantages.stride[0] + k * a.advantages.stride[1]];
  for (int64_t k = a.columns + 1; k < places; ++k) table[k] = quiet_nan<T>();
  const I* from = segments.data + row * segments.stride[0] + first * step;
  T* to = a.value + row * a.tokens + first;
  if (step == 1 && a.columns + 2 <= kRegister) return pick_lines(from, last - first, table, a.columns, to, streaming);
  const auto some = [&](int64_t t, int64_t count, T* out) {
    if (a.columns == 2 && step == 1) choose(from + t, count, table, out);
    else look_up(from + t * step, step, count, table, a.columns, out);
  };
  if (!streaming) return some(0, last - first, to);
  alignas(64) T block[kBlock];
  for (int64_t t = 0; t < last - first; t += kBlock) {
    const int64_t count = last - first - t < kBlock ? last - first - t : kBlock;
    some(t, count, block);
    copy_out(block, count, to + t);
  }
}

template <class T>
void any_ids(const SegmentAdvantagesArgs<T>& a, int64_t row, int64_t first, int64_t last, bool streaming) {
  visit_segments(a, [&](const auto& segments) { run(a, segments, row, first, last, streaming); });
  if (streaming) finish_streams();
}

}  // namespace

void segment_advantages(const SegmentAdvantagesArgs<float>& a, int64_t row, int64_t first, int64_t last,
                        bool streaming) {
  any_ids(a, row, first, last, streaming);
}
void segment_advantages(const SegmentAdvantagesArgs<double>& a, int64_t row, int64_t first, int64_t last,
                        bool streaming) {
  any_ids(a, row, first, last, streaming);
}

}  // namespace KT_ABI
}  // namespace kinetrace

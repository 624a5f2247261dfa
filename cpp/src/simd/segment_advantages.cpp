// segment_advantages on one instruction set: table lookups into a block in the first cache, which then leaves in whole lines.
#include "segment_advantages.hpp"

#include <kinetrace/core/pack.hpp>
#include <kinetrace/segment_advantages/pick.hpp>

#include "../thread_pool.hpp"
#include "stream.hpp"

namespace kinetrace {
namespace KT_ABI {
namespace {

constexpr int64_t kBlock = 1024;  // tokens

template <class T, class I>
void look_up(const I* segments, int64_t step, int64_t count, const T* table, int64_t columns, T* to) {
  using U = std::make_unsigned_t<I>;
  if (step == 1)
    for (int64_t t = 0; t < count; ++t) to[t] = table[place_of(segments[t], U(columns))];
  else
    for (int64_t t = 0; t < count; ++t) to[t] = table[place_of(segments[t * step], U(columns))];
}

// Two segments, as PA-GRPO has them: comparisons cost less than lookups.
template <class T, class I> void choose(const I* segments, int64_t count, const T* table, T* to) {
  const T none = table[0], first = table[1], second = table[2], wrong = table[3];
  for (int64_t t = 0; t < count; ++t) {
    const I s = segments[t];
    const T inside = s == 0 ? first : second, outside = s == -1 ? none : wrong;
    to[t] = I(s & I(-2)) == 0 ? inside : outside;
  }
}

template <class T> void copy_out(const T* from, int64_t count, T* to, bool streaming) {
  using V = NativePack<T>;
  constexpr int W = KT_VECTOR_BYTES / int(sizeof(T));
  int64_t t = 0;
  if (streaming) {
    for (; t < count && !streams_to(to + t); ++t) to[t] = from[t];
    for (; t + W <= count; t += W) stream(to + t, load<V>(from + t));
  }
  for (; t + W <= count; t += W) store(to + t, load<V>(from + t));
  for (; t < count; ++t) to[t] = from[t];
}

template <class T, class I>
void run(const SegmentAdvantagesArgs<T>& a, const Strided<const I, 2>& segments, int64_t row, int64_t first,
         int64_t last, bool streaming) {
  T* table = static_cast<T*>(thread_scratch(std::size_t(a.columns + 2) * sizeof(T)));
  table[0] = T(0), table[a.columns + 1] = quiet_nan<T>();
  for (int64_t k = 0; k < a.columns; ++k)
    table[k + 1] = a.advantages.data[row * a.advantages.stride[0] + k * a.advantages.stride[1]];
  alignas(64) T block[kBlock];
  for (int64_t t = first; t < last; t += kBlock) {
    const int64_t count = last - t < kBlock ? last - t : kBlock;
    const I* from = segments.data + row * segments.stride[0] + t * segments.stride[1];
    if (a.columns == 2 && segments.stride[1] == 1) choose(from, count, table, block);
    else look_up(from, segments.stride[1], count, table, a.columns, block);
    copy_out(block, count, a.value + row * a.tokens + t, streaming);
  }
}

template <class T>
void either(const SegmentAdvantagesArgs<T>& a, int64_t row, int64_t first, int64_t last, bool streaming) {
  if (a.segments32.data) run(a, a.segments32, row, first, last, streaming);
  else run(a, a.segments64, row, first, last, streaming);
  if (streaming) finish_streams();
}

}  // namespace

void segment_advantages(const SegmentAdvantagesArgs<float>& a, int64_t row, int64_t first, int64_t last,
                        bool streaming) {
  either(a, row, first, last, streaming);
}
void segment_advantages(const SegmentAdvantagesArgs<double>& a, int64_t row, int64_t first, int64_t last,
                        bool streaming) {
  either(a, row, first, last, streaming);
}

}  // namespace KT_ABI
}  // namespace kinetrace

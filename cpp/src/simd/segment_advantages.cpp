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

constexpr int64_t kBlock = 1024;  // tokens

template <class T, class I>
void look_up(const I* segments, int64_t step, int64_t count, const T* table, int64_t columns, T* to) {
  if (step == 1)
    for (int64_t t = 0; t < count; ++t) to[t] = table[place_of(segments[t], columns)];
  else
    for (int64_t t = 0; t < count; ++t) to[t] = table[place_of(segments[t * step], columns)];
}

#if defined(__AVX512F__)
// Tables of a register's length: a permutation of it, stored at once. Reading the ids and writing the results overlap this
// way; by blocks, one waits for the other.
template <class T, class I>
void permute(const I* segments, int64_t count, const T* table, int64_t columns, T* to, bool streaming) {
  constexpr int W = 64 / int(sizeof(T));
  const auto row = _mm512_loadu_si512(table);
  int64_t t = 0;
  if (streaming) {
    while (t < count && !streams_to(to + t)) ++t;
    look_up(segments, 1, t, table, columns, to);
    for (; t + W <= count; t += W)
      _mm512_stream_si512(reinterpret_cast<__m512i*>(to + t), chosen(row, places<T>(segments + t, columns), T()));
  }
  for (; t + W <= count; t += W) _mm512_storeu_si512(to + t, chosen(row, places<T>(segments + t, columns), T()));
  look_up(segments + t, 1, count - t, table, columns, to + t);
}
constexpr bool kPermutes = true;
#else
template <class T, class I> void permute(const I*, int64_t, const T*, int64_t, T*, bool) {}
constexpr bool kPermutes = false;
#endif

// Two segments, as PA-GRPO has them: comparisons cost less than look-ups.
template <class T, class I> void choose(const I* segments, int64_t count, const T* table, T* to) {
  const T none = table[0], first = table[1], second = table[2], wrong = table[3];
  for (int64_t t = 0; t < count; ++t) {
    const I s = segments[t];
    const T inside = s == 0 ? first : second, outside = std::is_signed<I>::value && s == I(-1) ? none : wrong;
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
  constexpr int64_t kRegister = 64 / int64_t(sizeof(T));
  const int64_t places = a.columns + 2 < kRegister ? kRegister : a.columns + 2, step = segments.stride[1];
  T* table = static_cast<T*>(thread_scratch(std::size_t(places) * sizeof(T)));
  table[0] = T(0);
  for (int64_t k = 0; k < a.columns; ++k)
    table[k + 1] = a.advantages.data[row * a.advantages.stride[0] + k * a.advantages.stride[1]];
  for (int64_t k = a.columns + 1; k < places; ++k) table[k] = quiet_nan<T>();
  const I* from = segments.data + row * segments.stride[0] + first * step;
  T* to = a.value + row * a.tokens + first;
  if (kPermutes && step == 1 && a.columns + 2 <= kRegister)
    return permute(from, last - first, table, a.columns, to, streaming);
  if (a.columns == 2 && step == 1 && !streaming) return choose(from, last - first, table, to);
  alignas(64) T block[kBlock];
  for (int64_t t = 0; t < last - first; t += kBlock) {
    const int64_t count = last - first - t < kBlock ? last - first - t : kBlock;
    if (a.columns == 2 && step == 1) choose(from + t, count, table, block);
    else look_up(from + t * step, step, count, table, a.columns, block);
    copy_out(block, count, to + t, streaming);
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

// segment_advantages: arguments, shared by every back end.
#pragma once
#include "../core/types.hpp"

namespace kinetrace {

enum class SegmentId : uint8_t { int8, uint8, int32, int64 };

template <class T> struct SegmentAdvantagesArgs {
  int64_t rows = 0, tokens = 0, columns = 0;  // B, T, K
  Strided<const T, 2> advantages;             // (B, K); stride 0 along K: the same for every segment
  Strided<const void, 2> segments;            // (B, T) of `id`, read as they lie: eight times fewer bytes as int8
  SegmentId id = SegmentId::int64;
  T* value = nullptr;  // (B, T), contiguous
};

// Calls f with the segments as what they are; the one place where `id` becomes a type.
template <class T, class F> auto visit_segments(const SegmentAdvantagesArgs<T>& a, const F& f) {
  const auto as = [&a](auto zero) {
    using I = decltype(zero);
    const auto& s = a.segments;
    return Strided<const I, 2>{static_cast<const I*>(s.data), {s.extent[0], s.extent[1]}, {s.stride[0], s.stride[1]}};
  };
  switch (a.id) {
    case SegmentId::int8: return f(as(int8_t()));
    case SegmentId::uint8: return f(as(uint8_t()));
    case SegmentId::int32: return f(as(int32_t()));
    default: return f(as(int64_t()));
  }
}

}  // namespace kinetrace

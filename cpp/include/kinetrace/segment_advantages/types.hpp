// segment_advantages: arguments, shared by every back end.
#pragma once
#include "../core/types.hpp"

namespace kinetrace {

template <class T> struct SegmentAdvantagesArgs {
  int64_t rows = 0, tokens = 0, columns = 0;  // B, T, K
  Strided<const T, 2> advantages;             // (B, K); stride 0 along K: the same for every segment
  Strided<const int32_t, 2> segments32;       // (B, T): one of the two is given
  Strided<const int64_t, 2> segments64;
  T* value = nullptr;  // (B, T), contiguous
};

}  // namespace kinetrace

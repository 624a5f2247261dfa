// What one pass of a candidate's tokens over the masks of a reference's steps works on, for every instruction set.
#pragma once
#include <cstdint>

#include <kinetrace/core/macros.hpp>

namespace kinetrace {

// Reference steps come in multiples of this in the masks: two of the widest vectors.
constexpr int64_t kOverlapLanes = 16;

struct OverlapPair {
  int32_t now, before;  // rows of a token's masks and of those of the token before it
};

// State of one block of up to 64 reference tokens while the candidate's tokens pass.
struct OverlapState {
  uint64_t v = ~uint64_t(0), unigrams = 0, bigrams = 0;
};

template <class V> KT_HD V lowest_bit(V x) { return x & -x; }

}  // namespace kinetrace

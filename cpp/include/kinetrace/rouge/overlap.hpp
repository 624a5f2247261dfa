// What two token sequences share: unigrams and bigrams as multisets, and the longest common subsequence, from bit masks.
//
// For a token of the candidate, bit i of its mask says that the reference holds it at i. A unigram match takes the lowest
// bit of the mask that is not taken: what is taken in the end is the clipped overlap. A bigram is the mask of the token
// before, one up, and this mask. The common subsequence is Hyyro's recurrence (zeros of V count it). One pass does all
// three, for many reference steps side by side.
#pragma once
#include <cstdint>
#include <vector>

#include "pass.hpp"

namespace kinetrace {

struct Tokens {
  const int32_t* ids = nullptr;
  int64_t count = 0;
};

struct Shared {
  int64_t unigrams = 0, bigrams = 0, subsequence = 0;
};

// In plain arithmetic: the builtin is a call into a library where the instruction cannot be assumed.
inline int64_t count_bits(uint64_t x) {
  x -= (x >> 1) & 0x5555555555555555u;
  x = (x & 0x3333333333333333u) + ((x >> 2) & 0x3333333333333333u);
  return int64_t((((x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu) * 0x0101010101010101u) >> 56);
}
inline Shared shared_of(const OverlapState& s) {
  return {count_bits(s.unigrams), count_bits(s.bigrams), count_bits(~s.v)};
}

// overlap_pass of an instruction set.
using OverlapPass = void (*)(const uint64_t* masks, int64_t lanes, const OverlapPair* pairs, int64_t count,
                             OverlapState* out);

class Overlap {
 public:
  static constexpr int64_t kBlock = 64;  // tokens of a step that fit a mask
  static constexpr int64_t kMostSteps = 64;  // of a reference at a time: each has a mask for every token of them all
  static_assert(kMostSteps % kOverlapLanes == 0, "a full part fills its lanes");

  explicit Overlap(OverlapPass pass) : pass_(pass) {}

  // Masks of a reference's steps; `vocabulary` is larger than every token number that comes. The steps must stay.
  void set_reference(const Tokens* steps, int64_t count, int32_t vocabulary) {
    for (const int32_t id : known_) row_of_[std::size_t(id)] = 0;
    known_.clear();
    steps_ = steps, count_ = count;
    lanes_ = (count + kOverlapLanes - 1) / kOverlapLanes * kOverlapLanes;
    masks_.assign(std::size_t(lanes_), 0);  // row 0 belongs to the tokens that occur in no step
    reserve(vocabulary);
    for (int64_t s = 0; s < count; ++s)
      for (int64_t i = 0; i < steps[s].count && steps[s].count <= kBlock; ++i)
        masks_[std::size_t(row(steps[s].ids[i])) * std::size_t(lanes_) + std::size_t(s)] |= uint64_t(1) << i;
  }

  // What each step of the reference shares with a candidate step: out[0 .. steps).
  void compare(const Tokens& candidate, int32_t vocabulary, Shared* out) {
    reserve(vocabulary);
    pairs_.clear();
    int32_t before = 0;
    for (int64_t i = 0; i < candidate.count; ++i) {
      const int32_t now = row_of_[std::size_t(candidate.ids[i])];
      if (now) pairs_.push_back({now, before});
      before = now;
    }
    OverlapState states[kMostSteps];
    pass_(masks_.data(), lanes_, pairs_.data(), int64_t(pairs_.size()), states);
    for (int64_t s = 0; s < count_; ++s) out[s] = shared_of(states[s]);
    for (int64_t s = 0; s < count_; ++s)
      if (steps_[s].count > kBlock) out[s] = compare_long(steps_[s], candidate);
  }

 private:
  void reserve(int32_t vocabulary) {
    if (row_of_.size() < std::size_t(vocabulary)) row_of_.resize(std::size_t(vocabulary) * 2, 0);
    if (block_.size() < std::size_t(vocabulary)) block_.resize(std::size_t(vocabulary) * 2, 0);
  }
  int32_t row(int32_t id) {
    int32_t& r = row_of_[std::size_t(id)];
    if (r) return r;
    known_.push_back(id);
    masks_.resize(masks_.size() + std::size_t(lanes_), 0);
    return r = int32_t(known_.size());
  }

  // Block by block of the reference, remembering per candidate token the carry of the recurrence and whether it (and the
  // pair it ends) is taken: linear memory for any length.
  Shared compare_long(const Tokens& reference, const Tokens& candidate) {
    Shared sum;
    progress_.assign(std::size_t(candidate.count), 0);
    for (int64_t begin = 0; begin < reference.count; begin += kBlock) {
      const int64_t size = reference.count - begin < kBlock ? reference.count - begin : kBlock;
      for (int64_t i = 0; i < size; ++i) block_[std::size_t(reference.ids[begin + i])] |= uint64_t(1) << i;
      const Shared s = shared_of(pass_block(begin > 0 ? reference.ids[begin - 1] : -1, candidate));
      sum.unigrams += s.unigrams, sum.bigrams += s.bigrams, sum.subsequence += s.subsequence;
      for (int64_t i = 0; i < size; ++i) block_[std::size_t(reference.ids[begin + i])] = 0;
    }
    return sum;
  }

  OverlapState pass_block(int32_t token_before_block, const Tokens& candidate) {
    OverlapState s;
    uint64_t before = 0;
    for (int64_t j = 0; j < candidate.count; ++j) {
      uint8_t& progress = progress_[std::size_t(j)];
      const uint64_t m = block_[std::size_t(candidate.ids[j])], x = s.v & m;
      uint64_t raised;
      const bool carry = __builtin_add_overflow(s.v, x, &raised);
      const bool carry_in = __builtin_add_overflow(raised, uint64_t(progress & kCarry), &raised);
      s.v = raised | (s.v - x);
      const uint64_t unigram = progress & kUnigram ? 0 : lowest_bit(m & ~s.unigrams);
      const uint64_t bigram = progress & kBigram ? 0 : lowest_bit(before & m & ~s.bigrams);
      s.unigrams |= unigram, s.bigrams |= bigram;
      progress = uint8_t((progress & (kUnigram | kBigram)) | (carry || carry_in ? kCarry : 0) |
                         (unigram ? kUnigram : 0) | (bigram ? kBigram : 0));
      before = (m << 1) | uint64_t(candidate.ids[j] == token_before_block);
    }
    return s;
  }

  static constexpr uint8_t kCarry = 1, kUnigram = 2, kBigram = 4;

  OverlapPass pass_;
  const Tokens* steps_ = nullptr;
  int64_t count_ = 0, lanes_ = 0;
  std::vector<uint64_t> masks_;  // row of a token, then step
  std::vector<int32_t> row_of_;  // by token number; 0: in no step
  std::vector<int32_t> known_;  // tokens that have a row
  std::vector<OverlapPair> pairs_;
  std::vector<uint64_t> block_;  // by token number: mask within the block in hand
  std::vector<uint8_t> progress_;
};

}  // namespace kinetrace

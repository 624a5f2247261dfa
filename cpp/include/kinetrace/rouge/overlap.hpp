// What two token sequences share: unigrams and bigrams as multisets, and the longest common subsequence, from bit masks.
//
// For a token of the candidate, bit i of its mask says that the reference holds it at i. A unigram match takes the lowest
// bit of the mask that is not taken: what is taken in the end is the clipped overlap. A bigram is the mask of the token
// before, one up, and this mask. The common subsequence is Hyyro's recurrence (zeros of V count it). One pass does all
// three, for four reference steps side by side.
#pragma once
#include <cstdint>
#include <vector>

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
inline uint64_t lowest_bit(uint64_t x) { return x & (~x + 1); }

// State of one block of 64 reference tokens while the candidate's tokens pass.
struct OverlapState {
  uint64_t v = ~uint64_t(0), unigrams = 0, bigrams = 0;

  Shared shared() const { return {count_bits(unigrams), count_bits(bigrams), count_bits(~v)}; }
};

class Overlap {
 public:
  static constexpr int64_t kLanes = 4;  // reference steps that share a pass
  static constexpr int64_t kBlock = 64;  // tokens of a step that fit a mask

  // Masks of a reference's steps; `vocabulary` is larger than every token number that comes. The tokens must outlive it.
  void set_reference(const std::vector<Tokens>& steps, int32_t vocabulary) {
    for (const int32_t id : known_) row_of_[std::size_t(id)] = 0;
    known_.clear();
    steps_ = &steps;
    groups_ = (int64_t(steps.size()) + kLanes - 1) / kLanes;
    masks_.assign(std::size_t(groups_ * kLanes), 0);  // row 0 belongs to the tokens that occur in no step
    reserve(vocabulary);
    for (std::size_t s = 0; s < steps.size(); ++s)
      for (int64_t i = 0; i < steps[s].count && steps[s].count <= kBlock; ++i)
        masks_[std::size_t(row(steps[s].ids[i])) * stride() + s] |= uint64_t(1) << i;
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
    const std::vector<Tokens>& steps = *steps_;
    for (int64_t g = 0; g < groups_; ++g) {
      OverlapState state[kLanes];
      pass(g * kLanes, state);
      for (int64_t l = 0; l < kLanes && g * kLanes + l < int64_t(steps.size()); ++l)
        out[g * kLanes + l] = state[l].shared();
    }
    for (std::size_t s = 0; s < steps.size(); ++s)
      if (steps[s].count > kBlock) out[s] = compare_long(steps[s], candidate);
  }

 private:
  struct Pair {
    int32_t now, before;  // rows of a token and of the one before it
  };

  std::size_t stride() const { return std::size_t(groups_ * kLanes); }
  void reserve(int32_t vocabulary) {
    if (row_of_.size() < std::size_t(vocabulary)) row_of_.resize(std::size_t(vocabulary) * 2, 0);
    if (block_.size() < std::size_t(vocabulary)) block_.resize(std::size_t(vocabulary) * 2, 0);
  }
  int32_t row(int32_t id) {
    int32_t& r = row_of_[std::size_t(id)];
    if (r) return r;
    known_.push_back(id);
    masks_.resize(masks_.size() + stride(), 0);
    return r = int32_t(known_.size());
  }

  // All pairs through the masks of kLanes steps.
  void pass(int64_t lane, OverlapState* out) const {
    uint64_t v[kLanes], unigrams[kLanes], bigrams[kLanes];
    for (int64_t l = 0; l < kLanes; ++l) v[l] = ~uint64_t(0), unigrams[l] = 0, bigrams[l] = 0;
    for (const Pair& pair : pairs_) {
      const uint64_t* now = masks_.data() + std::size_t(pair.now) * stride() + lane;
      const uint64_t* before = masks_.data() + std::size_t(pair.before) * stride() + lane;
      for (int64_t l = 0; l < kLanes; ++l) {
        const uint64_t m = now[l], x = v[l] & m;
        v[l] = (v[l] + x) | (v[l] - x);
        unigrams[l] |= lowest_bit(m & ~unigrams[l]);
        bigrams[l] |= lowest_bit((before[l] << 1) & m & ~bigrams[l]);
      }
    }
    for (int64_t l = 0; l < kLanes; ++l) out[l].v = v[l], out[l].unigrams = unigrams[l], out[l].bigrams = bigrams[l];
  }

  // Block by block of the reference, remembering per candidate token the carry of the recurrence and whether it (and the
  // pair it ends) is taken: linear memory for any length.
  Shared compare_long(const Tokens& reference, const Tokens& candidate) {
    Shared sum;
    progress_.assign(std::size_t(candidate.count), 0);
    for (int64_t begin = 0; begin < reference.count; begin += kBlock) {
      const int64_t size = reference.count - begin < kBlock ? reference.count - begin : kBlock;
      for (int64_t i = 0; i < size; ++i) block_[std::size_t(reference.ids[begin + i])] |= uint64_t(1) << i;
      const Shared s = pass_block(begin > 0 ? reference.ids[begin - 1] : -1, candidate).shared();
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

  const std::vector<Tokens>* steps_ = nullptr;
  int64_t groups_ = 0;
  std::vector<uint64_t> masks_;  // row of a token, then step
  std::vector<int32_t> row_of_;  // by token number; 0: in no step
  std::vector<int32_t> known_;  // tokens that have a row
  std::vector<Pair> pairs_;
  std::vector<uint64_t> block_;  // by token number: mask within the block in hand
  std::vector<uint8_t> progress_;
};

}  // namespace kinetrace

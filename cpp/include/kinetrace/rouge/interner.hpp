// Words to small numbers: a hash table that compares the words themselves, so that no two words share a number.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace kinetrace {

constexpr int64_t kWordPadding = 16;  // bytes that can be read behind every word

// 64 x 64 bits multiplied, both halves folded into one.
inline uint64_t mix(uint64_t a, uint64_t b) {
  const __uint128_t product = __uint128_t(a) * b;
  return uint64_t(product) ^ uint64_t(product >> 64);
}

constexpr bool kLittleEndian =
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    true;
#else
    false;
#endif

// Which of eight bytes are a word's, by how many; from a table, as lengths are hard to predict for a branch.
constexpr uint64_t kByteMask[9] = {
    0, 0xff, 0xffff, 0xffffff, 0xffffffff, 0xffffffffff, 0xffffffffffff, 0xffffffffffffff, 0xffffffffffffffff};

// The first `size` bytes, 8 at most, as a number; 8 can be read.
inline uint64_t leading_bytes(const char* word, int64_t size) {
  const int64_t n = size < 0 ? 0 : size > 8 ? 8 : size;
  uint64_t key = 0;
  if (kLittleEndian) {
    std::memcpy(&key, word, 8);
    return key & kByteMask[n];
  }
  std::memcpy(&key, word, std::size_t(n));
  return key;
}

// Bytes before the first zero; a zero follows sooner or later, and 7 bytes behind it can be read.
inline int64_t bytes_before_zero(const char* text) {
  int64_t n = 0;
  for (; kLittleEndian; n += 8) {
    uint64_t eight;
    std::memcpy(&eight, text + n, 8);
    const uint64_t zeros = (eight - 0x0101010101010101u) & ~eight & 0x8080808080808080u;
    if (zeros) return n + __builtin_ctzll(zeros) / 8;
  }
  while (text[n]) ++n;
  return n;
}

class Interner {
 public:
  Interner() : slots_(1024) {}
  int32_t size() const { return int32_t(words_.size()); }
  std::string word(int32_t id) const {
    const Word& w = words_[std::size_t(id)];
    return std::string(letters_.data() + w.begin, std::size_t(w.length));
  }

  // The number of a word, new or not: numbers count from 0. kWordPadding bytes behind the word can be read.
  int32_t number(const char* word, int64_t length) {
    const uint64_t first = leading_bytes(word, length), second = leading_bytes(word + 8, length - 8);
    uint64_t hash = mix(first ^ 0x9e3779b97f4a7c15u, (second + uint64_t(length)) ^ 0xd1b54a32d192ed03u);
    for (int64_t i = 16; i < length; i += 8)
      hash = mix(hash ^ 0x8cb92ba72f3d8dd7u, leading_bytes(word + i, length - i) ^ 0xa0761d6478bd642fu);
    for (std::size_t at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
      const Slot& slot = slots_[at];
      if (slot.id < 0) return add({first, second, hash, length, -1}, word, length);
      if (slot.first == first && slot.second == second && slot.length == length &&
          (length <= 16 || same_end(slot.id, word, length)))
        return slot.id;
    }
  }

 private:
  struct Slot {
    uint64_t first = 0, second = 0, hash = 0;  // its first 16 bytes, and a hash of all
    int64_t length = 0;
    int32_t id = -1;
  };
  struct Word {
    int64_t begin, length;
  };

  bool same_end(int32_t id, const char* word, int64_t length) const {
    return std::memcmp(letters_.data() + words_[std::size_t(id)].begin + 16, word + 16, std::size_t(length - 16)) == 0;
  }
  int32_t add(Slot slot, const char* word, int64_t length) {
    slot.id = size();
    words_.push_back({int64_t(letters_.size()), length});
    letters_.insert(letters_.end(), word, word + length);
    if (2 * words_.size() > slots_.size()) {
      std::vector<Slot> old(2 * slots_.size());
      old.swap(slots_);
      for (const Slot& s : old)
        if (s.id >= 0) place(s);
    }
    place(slot);
    return slot.id;
  }
  void place(const Slot& slot) {
    std::size_t at = slot.hash & (slots_.size() - 1);
    while (slots_[at].id >= 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = slot;
  }

  std::vector<Slot> slots_;
  std::vector<Word> words_;
  std::vector<char> letters_;
};

}  // namespace kinetrace

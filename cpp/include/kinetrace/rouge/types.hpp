// rouge: what a call is given and where it writes. Strings stay where they are.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "text.hpp"

namespace kinetrace {

// Lists of texts, one after another: list i is texts[offsets[i]] to texts[offsets[i + 1]].
struct TextLists {
  std::vector<Text> texts;
  std::vector<int64_t> offsets{0};

  int64_t count() const { return int64_t(offsets.size()) - 1; }
  int64_t length(int64_t i) const { return offsets[std::size_t(i) + 1] - offsets[std::size_t(i)]; }
  const Text* list(int64_t i) const { return texts.data() + offsets[std::size_t(i)]; }
  void close() { offsets.push_back(int64_t(texts.size())); }
  int64_t longest() const {
    int64_t n = 0;
    for (int64_t i = 0; i < count(); ++i) n = length(i) > n ? length(i) : n;
    return n;
  }
};

struct RougeArgs {
  const TextLists* references = nullptr;        // R different ones
  const std::vector<int32_t>* reference_of = nullptr;  // of each of the B problems
  const TextLists* candidates = nullptr;        // B
  bool stem = true;
  double weights[3] = {1, 1, 1};                // of ROUGE-1, -2, -L in the cost; their sum is positive
  int num_threads = 0;
};

// F-measures of the first step of each reference and candidate, (B, 3).
void rouge_scores(const RougeArgs& a, double* scores);
// 1 - weighted mean of the F-measures, (B, rows, columns); NaN beyond the lengths of a problem.
void rouge_cost(const RougeArgs& a, int64_t rows, int64_t columns, float* cost);
void rouge_cost(const RougeArgs& a, int64_t rows, int64_t columns, double* cost);
// The tokens of a text, stemmed where that is asked for.
std::vector<std::string> rouge_tokens(const Text& text, bool stem);

// Number of a list among the different ones, which stay in `lists`; equal in content means equal.
std::vector<int32_t> keep_different(TextLists& lists);

}  // namespace kinetrace

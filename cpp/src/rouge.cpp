// rouge on the CPU: problems ordered by reference, so that its masks are made once, in chunks over threads.
#include <kinetrace/rouge/overlap.hpp>
#include <kinetrace/rouge/types.hpp>
#include <kinetrace/rouge/vocabulary.hpp>

#include <limits>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "thread_pool.hpp"

namespace kinetrace {
namespace {

// What one thread works with; kept from chunk to chunk of a call, so that a word is stemmed once per thread.
struct Workspace {
  explicit Workspace(bool stem) : vocabulary(stem) {}

  Vocabulary vocabulary;
  Overlap overlap;
  std::vector<int32_t> reference_ids, candidate_ids;
  std::vector<Tokens> reference, candidate;
  std::vector<Shared> shared;

  void tokenise(const Text* steps, int64_t count, std::vector<int32_t>& ids, std::vector<Tokens>& out) {
    ids.clear(), out.clear();
    for (int64_t i = 0; i < count; ++i) {
      const std::size_t before = ids.size();
      vocabulary.tokenise(steps[i], ids);
      out.push_back({nullptr, int64_t(ids.size() - before)});
    }
    const int32_t* at = ids.data();  // only now do they stay where they are
    for (Tokens& step : out) step.ids = at, at += step.count;
  }
};

class Workspaces {
 public:
  explicit Workspaces(bool stem) : stem_(stem) {}
  std::unique_ptr<Workspace> take() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (free_.empty()) return std::make_unique<Workspace>(stem_);
    std::unique_ptr<Workspace> w = std::move(free_.back());
    free_.pop_back();
    return w;
  }
  void give(std::unique_ptr<Workspace> w) {
    const std::lock_guard<std::mutex> lock(mutex_);
    free_.push_back(std::move(w));
  }

 private:
  bool stem_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Workspace>> free_;
};

double f_measure(int64_t hits, int64_t predicted, int64_t expected) {
  if (hits <= 0) return 0;
  const double precision = double(hits) / double(predicted), recall = double(hits) / double(expected);
  return 2 * precision * recall / (precision + recall);
}

struct Scores {
  double f[3];
};

Scores scores_of(const Shared& shared, int64_t expected, int64_t predicted) {
  return {{f_measure(shared.unigrams, predicted, expected), f_measure(shared.bigrams, predicted - 1, expected - 1),
           f_measure(shared.subsequence, predicted, expected)}};
}

// Problems in the order of their references.
std::vector<int64_t> by_reference(const RougeArgs& a) {
  std::vector<int64_t> begin(std::size_t(a.references->count()) + 1, 0), order(a.reference_of -> size());
  for (const int32_t r : *a.reference_of) ++begin[std::size_t(r) + 1];
  for (std::size_t r = 1; r < begin.size(); ++r) begin[r] += begin[r - 1];
  for (std::size_t b = 0; b < order.size(); ++b)
    order[std::size_t(begin[std::size_t((*a.reference_of)[b])]++)] = int64_t(b);
  return order;
}

// write(problem, reference step, candidate step, scores) for every pair of steps.
template <class F> void for_each_pair(const RougeArgs& a, const F& write) {
  const std::vector<int64_t> order = by_reference(a);
  const int64_t count = int64_t(order.size()), threads = resolve_threads(a.num_threads);
  const int64_t share = count / (8 * threads), grain = share < 1 ? 1 : share > 64 ? 64 : share;
  Workspaces workspaces(a.stem);
  parallel_for(count, grain, a.num_threads, [&](int64_t first, int64_t last) {
    std::unique_ptr<Workspace> w = workspaces.take();
    int32_t reference = -1;
    for (int64_t k = first; k < last; ++k) {
      const int64_t b = order[std::size_t(k)];
      const int32_t r = (*a.reference_of)[std::size_t(b)];
      if (r != reference) {
        w->tokenise(a.references->list(r), a.references->length(r), w->reference_ids, w->reference);
        w->overlap.set_reference(w->reference, w->vocabulary.size());
        w->shared.resize(w->reference.size());
        reference = r;
      }
      w->tokenise(a.candidates->list(b), a.candidates->length(b), w->candidate_ids, w->candidate);
      for (std::size_t j = 0; j < w->candidate.size(); ++j) {
        w->overlap.compare(w->candidate[j], w->vocabulary.size(), w->shared.data());
        for (std::size_t i = 0; i < w->reference.size(); ++i)
          write(b, int64_t(i), int64_t(j), scores_of(w->shared[i], w->reference[i].count, w->candidate[j].count));
      }
    }
    workspaces.give(std::move(w));
  });
}

template <class T> void cost_of(const RougeArgs& a, int64_t rows, int64_t columns, T* cost) {
  const double w1 = a.weights[0], w2 = a.weights[1], wl = a.weights[2], total = w1 + w2 + wl;
  const int64_t size = rows * columns;
  for (int64_t b = 0; b < a.candidates->count(); ++b) {
    const int64_t n = a.references->length((*a.reference_of)[std::size_t(b)]), m = a.candidates->length(b);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = i < n ? m : 0; j < columns; ++j)
        cost[b * size + i * columns + j] = std::numeric_limits<T>::quiet_NaN();
  }
  for_each_pair(a, [&](int64_t b, int64_t i, int64_t j, const Scores& s) {
    cost[b * size + i * columns + j] = T(1 - (w1 * s.f[0] + w2 * s.f[1] + wl * s.f[2]) / total);
  });
}

uint64_t content_hash(const Text* texts, int64_t count) {
  uint64_t hash = uint64_t(count);
  for (int64_t i = 0; i < count; ++i) {
    const char* bytes = static_cast<const char*>(texts[i].data);
    const int64_t size = texts[i].size * texts[i].width;
    hash = mix(hash ^ uint64_t(size), 0x9e3779b97f4a7c15u ^ uint64_t(texts[i].width));
    for (int64_t k = 0; k < size; k += 8) {
      uint64_t word = 0;
      std::memcpy(&word, bytes + k, std::size_t(size - k < 8 ? size - k : 8));
      hash = mix(hash ^ word, 0xd1b54a32d192ed03u);
    }
  }
  return hash;
}

}  // namespace

void rouge_scores(const RougeArgs& a, double* scores) {
  for_each_pair(a, [&](int64_t b, int64_t, int64_t, const Scores& s) {
    for (int k = 0; k < 3; ++k) scores[3 * b + k] = s.f[k];
  });
}

void rouge_cost(const RougeArgs& a, int64_t rows, int64_t columns, float* cost) { cost_of(a, rows, columns, cost); }
void rouge_cost(const RougeArgs& a, int64_t rows, int64_t columns, double* cost) { cost_of(a, rows, columns, cost); }

std::vector<std::string> rouge_tokens(const Text& text, bool stem) {
  Vocabulary vocabulary(stem);
  std::vector<int32_t> ids;
  vocabulary.tokenise(text, ids);
  std::vector<std::string> out;
  for (const int32_t id : ids) out.push_back(vocabulary.token(id));
  return out;
}

std::vector<int32_t> keep_different(TextLists& lists) {
  TextLists kept;
  std::vector<int32_t> number(std::size_t(lists.count()));
  std::unordered_multimap<uint64_t, int32_t> by_hash;
  for (int64_t i = 0; i < lists.count(); ++i) {
    const Text* list = lists.list(i);
    const int64_t length = lists.length(i);
    const uint64_t hash = content_hash(list, length);
    int32_t found = -1;
    const auto range = by_hash.equal_range(hash);
    for (auto at = range.first; at != range.second && found < 0; ++at) {
      bool same = kept.length(at->second) == length;
      for (int64_t k = 0; same && k < length; ++k) same = kept.list(at->second)[k] == list[k];
      if (same) found = at->second;
    }
    if (found < 0) {
      found = int32_t(kept.count());
      by_hash.emplace(hash, found);
      kept.texts.insert(kept.texts.end(), list, list + length);
      kept.close();
    }
    number[std::size_t(i)] = found;
  }
  lists = std::move(kept);
  return number;
}

}  // namespace kinetrace

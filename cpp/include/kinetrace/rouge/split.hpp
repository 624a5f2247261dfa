// A reasoning trace to its steps: lines of the thought, without enumerators, cut into sentences.
#pragma once
#include <cstdint>
#include <vector>

#include "text.hpp"

namespace kinetrace {

// Unicode properties of a code point, from whoever has the tables.
struct CharacterTables {
  bool (*is_space)(uint32_t);
  bool (*is_alphanumeric)(uint32_t);
  bool (*is_decimal)(uint32_t);
};

// Appends the steps of a trace, which are slices of it. With `markers`, "Step 3:" within a line begins a step too.
void split_steps(const Text& text, bool markers, const CharacterTables& tables, std::vector<Text>& steps);

}  // namespace kinetrace

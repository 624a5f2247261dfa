// split_steps, rouge and rouge_cost: Python strings to views, checked; the work without the GIL. CPU only.
#include <pybind11/numpy.h>

#include <cstdlib>
#include <memory>
#include <new>

#include <kinetrace/rouge/split.hpp>
#include <kinetrace/rouge/types.hpp>

#include "../../cpp/src/thread_pool.hpp"
#include "arrays.hpp"
#include "bindings.hpp"
#include "huge_pages.hpp"
#include "scalars.hpp"

namespace kinetrace {
namespace bindings {
namespace {

const CharacterTables kTables{[](uint32_t c) { return Py_UNICODE_ISSPACE(Py_UCS4(c)) != 0; },
                              [](uint32_t c) { return Py_UNICODE_ISALNUM(Py_UCS4(c)) != 0; },
                              [](uint32_t c) { return Py_UNICODE_ISDECIMAL(Py_UCS4(c)) != 0; }};

std::string type_name(py::handle object) { return Py_TYPE(object.ptr())->tp_name; }

Text text_of(py::handle s) {
  return {PyUnicode_DATA(s.ptr()), int64_t(PyUnicode_GET_LENGTH(s.ptr())), int(PyUnicode_KIND(s.ptr()))};
}

// A string of Python keeps its characters in one place for as long as it lives: `kept` makes that the whole call.
struct Strings {
  TextLists lists;
  std::vector<py::object> kept;

  void add(py::handle s) {
    kept.push_back(py::reinterpret_borrow<py::object>(s));
    lists.texts.push_back(text_of(s));
  }
};

// Where in a list something is: " at [3]".
std::string at(int64_t i) { return " at [" + std::to_string(i) + "]"; }

// A list or tuple (or what iterates); a string, whose items are strings too, is surely a mistake.
py::object sequence_from(py::handle object, const char* name, const char* expected, const std::string& where = "") {
  if (!PyUnicode_Check(object.ptr()) && !PyBytes_Check(object.ptr()))
    if (PyObject* s = PySequence_Fast(object.ptr(), "")) return py::reinterpret_steal<py::object>(s);
  PyErr_Clear();
  bad_type(name, expected, type_name(object) + where);
}

void read_steps(py::handle object, const char* name, const char* expected, int64_t item, Strings& out) {
  const py::object steps = sequence_from(object, name, expected, at(item));
  for (py::ssize_t i = 0; i < PySequence_Fast_GET_SIZE(steps.ptr()); ++i) {
    PyObject* s = PySequence_Fast_GET_ITEM(steps.ptr(), i);
    if (!PyUnicode_Check(s)) bad_type(name, expected, type_name(s) + at(item) + "[" + std::to_string(i) + "]");
    out.add(s);
  }
}

// Each item one string, as a list of its own.
Strings read_texts(py::handle object, const char* name) {
  const py::object items = sequence_from(object, name, "a list of str");
  Strings out;
  for (py::ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items.ptr()); ++i) {
    PyObject* s = PySequence_Fast_GET_ITEM(items.ptr(), i);
    if (!PyUnicode_Check(s)) bad_type(name, "a list of str", type_name(s) + at(i));
    out.add(s), out.lists.close();
  }
  return out;
}

// Each item a list of steps, or with `split` also a string to be split. `number_of[i]` is the place of item i in the lists:
// an item that is the same object as the one before is read once.
Strings read_traces(py::handle object, const char* name, bool split, std::vector<int32_t>* number_of,
                    std::vector<uint8_t>& is_text) {
  const char* expected = split ? "a list of str or lists of str" : "a list of lists of str";
  const py::object items = sequence_from(object, name, expected);
  Strings out;
  PyObject* before = nullptr;
  for (py::ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items.ptr()); ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(items.ptr(), i);
    if (!number_of || item != before) {
      const bool text = split && PyUnicode_Check(item);
      if (text) out.add(item);
      else read_steps(item, name, expected, i, out);
      out.lists.close(), is_text.push_back(text);
      before = item;
    }
    if (number_of) number_of->push_back(int32_t(out.lists.count() - 1));
  }
  return out;
}

// Splits the lists that are texts; the others stay.
void split_all(TextLists& lists, const std::vector<uint8_t>& is_text, bool markers, int num_threads) {
  bool any = false;
  for (const uint8_t text : is_text) any = any || text;
  if (!any) return;
  std::vector<std::vector<Text>> steps(is_text.size());
  parallel_for(lists.count(), 8, num_threads, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i)
      if (is_text[std::size_t(i)]) split_steps(*lists.list(i), markers, kTables, steps[std::size_t(i)]);
  });
  TextLists out;
  for (int64_t i = 0; i < lists.count(); ++i) {
    if (is_text[std::size_t(i)])
      out.texts.insert(out.texts.end(), steps[std::size_t(i)].begin(), steps[std::size_t(i)].end());
    else out.texts.insert(out.texts.end(), lists.list(i), lists.list(i) + lists.length(i));
    out.close();
  }
  lists = std::move(out);
}

int threads_from(py::handle num_threads) {
  if (num_threads.is_none()) return 0;
  return int(int_from(num_threads, "num_threads", 1, kMaxThreads, "a positive int up to 4096 or None"));
}

void require_same_count(int64_t references, int64_t candidates) {
  if (references != candidates && references != 1)
    bad_value("candidates", std::to_string(references) + " items, one for each of references",
              std::to_string(candidates));
}

py::array_t<double> rouge(py::handle references_, py::handle candidates_, py::handle stem, py::handle num_threads) {
  Strings references = read_texts(references_, "references"), candidates = read_texts(candidates_, "candidates");
  const int64_t B = candidates.lists.count();
  require_same_count(references.lists.count(), B);
  RougeArgs a;
  a.stem = bool_from(stem, "stem"), a.num_threads = threads_from(num_threads);
  py::array_t<double> out({py::ssize_t(B), py::ssize_t(3)});
  double* scores = out.mutable_data();
  {
    const py::gil_scoped_release nogil;
    std::vector<int32_t> reference_of = keep_different(references.lists);
    reference_of.resize(std::size_t(B), 0);
    a.references = &references.lists, a.candidates = &candidates.lists, a.reference_of = &reference_of;
    rouge_scores(a, scores);
  }
  return out;
}

py::array_t<int32_t> lengths_of(const TextLists& lists, const std::vector<int32_t>* number_of) {
  const int64_t B = number_of ? int64_t(number_of->size()) : lists.count();
  py::array_t<int32_t> out(B);
  int32_t* lengths = out.mutable_data();
  for (int64_t b = 0; b < B; ++b) lengths[b] = int32_t(lists.length(number_of ? (*number_of)[std::size_t(b)] : b));
  return out;
}

using Memory = std::unique_ptr<void, decltype(&std::free)>;

// Costs (B, rows, columns) in memory of our own: NumPy's would need the interpreter in the middle of the work, and a call
// that gives it up twice waits twice for a thread that keeps it busy.
template <class T> Memory fill_costs(const RougeArgs& a, int64_t rows, int64_t columns) {
  const std::size_t bytes = std::size_t(a.candidates->count() * rows * columns) * sizeof(T);
  Memory cost(std::malloc(bytes ? bytes : 1), &std::free);
  if (!cost) throw std::bad_alloc();
  advise_huge_pages(cost.get(), int64_t(bytes));
  rouge_cost(a, rows, columns, static_cast<T*>(cost.get()));
  return cost;
}

template <class T> py::object array_of(Memory memory, std::initializer_list<py::ssize_t> shape) {
  const py::capsule owner(memory.get(), [](void* p) { std::free(p); });
  const T* data = static_cast<T*>(memory.release());
  return py::array_t<T>(shape, data, owner);
}

py::tuple rouge_cost(py::handle references_, py::handle candidates_, py::handle weights, py::handle stem,
                     py::handle split_, py::handle markers_, py::handle dtype, py::handle num_threads) {
  RougeArgs a;
  const bool split = bool_from(split_, "split"), markers = bool_from(markers_, "markers");
  const bool single = choice_from(dtype, "dtype", {"float64", "float32"}, false) == 1;
  a.stem = bool_from(stem, "stem"), a.num_threads = threads_from(num_threads);
  const char* expected = "three weights >= 0 with a positive, finite sum";
  const py::object w = sequence_from(weights, "weights", expected);
  if (PySequence_Fast_GET_SIZE(w.ptr()) != 3) bad_value("weights", expected, py::repr(weights));
  double sum = 0;
  for (int k = 0; k < 3; ++k) {
    a.weights[k] = real_from(PySequence_Fast_GET_ITEM(w.ptr(), k), "weights", expected);
    sum = a.weights[k] >= 0 ? sum + a.weights[k] : -1;
    if (sum < 0) break;
  }
  if (!(sum > 0) || !(sum - sum == 0)) bad_value("weights", expected, py::repr(weights));

  std::vector<int32_t> number_of, different;
  std::vector<uint8_t> reference_is_text, candidate_is_text;
  Strings references = read_traces(references_, "references", split, &number_of, reference_is_text);
  Strings candidates = read_traces(candidates_, "candidates", split, nullptr, candidate_is_text);
  const int64_t B = candidates.lists.count();
  require_same_count(int64_t(number_of.size()), B);
  number_of.resize(std::size_t(B), 0);
  a.references = &references.lists, a.candidates = &candidates.lists, a.reference_of = &number_of;
  Memory memory(nullptr, &std::free);
  int64_t rows = 0, columns = 0;
  {
    const py::gil_scoped_release nogil;
    split_all(references.lists, reference_is_text, markers, a.num_threads);
    split_all(candidates.lists, candidate_is_text, markers, a.num_threads);
    different = keep_different(references.lists);
    for (int32_t& n : number_of) n = different[std::size_t(n)];
    rows = references.lists.longest(), columns = candidates.lists.longest();
    memory = single ? fill_costs<float>(a, rows, columns) : fill_costs<double>(a, rows, columns);
  }
  const std::initializer_list<py::ssize_t> shape{py::ssize_t(B), py::ssize_t(rows), py::ssize_t(columns)};
  const py::object cost =
      single ? array_of<float>(std::move(memory), shape) : array_of<double>(std::move(memory), shape);
  return py::make_tuple(cost, lengths_of(references.lists, &number_of), lengths_of(candidates.lists, nullptr));
}

py::object steps_of(py::handle text, py::handle markers) {
  if (!PyUnicode_Check(text.ptr())) bad_type("text", "str", type_name(text));
  std::vector<Text> steps;
  const Text whole = text_of(text);
  split_steps(whole, bool_from(markers, "markers"), kTables, steps);
  py::list out(steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const int64_t begin =
        (static_cast<const char*>(steps[i].data) - static_cast<const char*>(whole.data)) / whole.width;
    PyObject* step = PyUnicode_Substring(text.ptr(), begin, begin + steps[i].size);
    if (!step) throw py::error_already_set();
    PyList_SET_ITEM(out.ptr(), py::ssize_t(i), step);
  }
  return std::move(out);
}

py::object tokens_of(py::handle text, py::handle stem) {
  if (!PyUnicode_Check(text.ptr())) bad_type("text", "str", type_name(text));
  py::list out;
  for (const std::string& token : rouge_tokens(text_of(text), bool_from(stem, "stem"))) out.append(py::str(token));
  return std::move(out);
}

}  // namespace

void bind_rouge(py::module_& m) {
  m.def("rouge", &rouge, py::arg("references"), py::arg("candidates"), py::arg("stem"), py::arg("num_threads"));
  m.def("rouge_cost", &rouge_cost, py::arg("references"), py::arg("candidates"), py::arg("weights"), py::arg("stem"),
        py::arg("split"), py::arg("markers"), py::arg("dtype"), py::arg("num_threads"));
  m.def("rouge_tokens", &tokens_of, py::arg("text"), py::arg("stem"));
  m.def("split_steps", &steps_of, py::arg("text"), py::arg("markers"));
}

}  // namespace bindings
}  // namespace kinetrace

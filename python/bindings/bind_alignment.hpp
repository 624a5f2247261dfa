// What the bindings of hard and soft DTW share: sequences, lengths, metrics and windows, checked once.
#pragma once
#include <kinetrace/alignment/types.hpp>

#include "arrays.hpp"

namespace kinetrace {
namespace bindings {

// x (B, N) or (B, N, D), y of the same rank, coordinates, dtype and device.
void require_sequences(const Array& x, const Array& y);

// The arrays of a call: a cost (B, N, M), or else x and y as above; lengths are integers on the same device. Returns the array
// that results are allocated like.
const Array& require_alignment(const Array& x, const Array& y, const Array& cost, const Array& x_lengths,
                               const Array& y_lengths);

// How many pairs x and y make: equal batches, or a batch of one that repeats.
int64_t zipped_count(const Array& x, const Array& y);

// Lengths (count,), or (own,) of a batch of one that repeats; on the host each is looked at.
SequenceLengths lengths_from(const Array& lengths, int64_t count, int64_t own, int64_t extent);

// The metric of that name, or the callback `user` = (address, data address or None).
Metric metric_from(py::handle metric, py::handle user, int64_t dims, UserMetric& callback);

// None, an int radius >= 0, or a float fraction 0 to 1.
Window window_from(py::handle window);

// The array as (B, N, D), D = 1 for (B, N).
template <class T> Strided<const T, 3> sequence_view(const Array& a) {
  if (a.ndim() == 3) return a.view<const T, 3>();
  const Strided<const T, 2> flat = a.view<const T, 2>();
  Strided<const T, 3> v;
  v.data = flat.data;
  for (int k = 0; k < 2; ++k) v.extent[k] = flat.extent[k], v.stride[k] = flat.stride[k];
  v.extent[2] = 1;
  return v;
}

}  // namespace bindings
}  // namespace kinetrace

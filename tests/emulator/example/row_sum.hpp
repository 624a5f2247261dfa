// row_sum.hpp: the launcher of the example kernel.
#pragma once
#include "launch.cuh"

kinetrace::Outcome launch_row_sum(const float* values, float* sums, float* means, int rows, int columns);

"""Per-problem outcomes."""

from enum import IntEnum


class Status(IntEnum):
    """Outcome of one problem of a batch; a failed problem's results are NaN and its neighbours are unharmed.

    Example:
        >>> from kinetrace import Status
        >>> Status(1).name
        'TOO_FEW_POINTS'
    """

    OK = 0
    TOO_FEW_POINTS = 1
    """Fewer used points than the model has coefficients."""
    NON_FINITE = 2
    """A used value is NaN or infinite, or a sum overflows the working precision."""
    SINGULAR = 3
    """The times of the used points do not determine the model."""
    INVALID_WEIGHT = 4
    """A weight is negative, NaN, infinite, or all are below the smallest normal number."""
    INFEASIBLE = 5
    """No path of the step pattern leads through the window and the finite costs: the distance is +inf."""
    EMPTY = 6
    """A sequence has no samples."""

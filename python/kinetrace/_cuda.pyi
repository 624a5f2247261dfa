# Written by scripts/stubs.py from the extension module; do not edit.
from typing import Any

def chain_flow(
    flow: Any, points: Any, backward_flow: Any, start_each: Any, start: Any, max_cycle_error: Any, num_threads: Any
) -> tuple[Any, ...]: ...
def device_info() -> dict[str, Any]: ...
def dtw(
    x: Any,
    y: Any,
    cost: Any,
    x_lengths: Any,
    y_lengths: Any,
    metric: Any,
    user: Any,
    steps: Any,
    window: Any,
    subsequence: Any,
    normalize: Any,
    wanted: Any,
    pairing: Any,
    direction_bytes: Any,
    num_threads: Any,
) -> tuple[Any, ...]: ...
def fit_kinematics(
    positions: Any,
    times: Any,
    weights: Any,
    visible: Any,
    dt: Any,
    order: Any,
    robust: Any,
    robust_threshold: Any,
    robust_iterations: Any,
    num_threads: Any,
) -> tuple[Any, ...]: ...
def fit_segments(
    positions: Any,
    times: Any,
    weights: Any,
    visible: Any,
    dt: Any,
    order: Any,
    max_segments: Any,
    min_points: Any,
    criterion: Any,
    noise: Any,
    num_threads: Any,
) -> tuple[Any, ...]: ...
def group_advantages(
    rewards: Any,
    groups: Any,
    mode: Any,
    apart: Any,
    weights: Any,
    lengths: Any,
    eps: Any,
    ddof: Any,
    var_floor: Any,
    f_norm: Any,
    singleton: Any,
    nan_policy: Any,
    scale: Any,
    num_threads: Any,
) -> Any: ...
def kinematic_residual(
    flow: Any,
    mask: Any,
    mode: Any,
    norm: Any,
    reduction: Any,
    dt: Any,
    mask_rule: Any,
    iterations: Any,
    num_threads: Any,
) -> tuple[Any, ...]: ...
def kinematic_residual_backward(
    upstream: Any,
    flow: Any,
    mask: Any,
    total_weight: Any,
    mode: Any,
    norm: Any,
    reduction: Any,
    dt: Any,
    mask_rule: Any,
    iterations: Any,
    num_threads: Any,
) -> Any: ...
def mask_centroids(masks: Any, num_threads: Any) -> Any: ...
def mask_chamfer(a: Any, b: Any, num_threads: Any) -> Any: ...
def mask_iou(a: Any, b: Any, num_threads: Any) -> Any: ...
def segment_advantages(advantages: Any, segments: Any, columns: Any, num_threads: Any) -> Any: ...
def soft_dtw(
    x: Any,
    y: Any,
    cost: Any,
    x_lengths: Any,
    y_lengths: Any,
    metric: Any,
    window: Any,
    gamma: Any,
    x_gradient: Any,
    y_gradient: Any,
    alignment: Any,
    rewards: Any,
    kept_bytes: Any,
    num_threads: Any,
) -> tuple[Any, ...]: ...
def track_residual(
    positions: Any, visible: Any, dt: Any, norm: Any, reduction: Any, num_threads: Any
) -> tuple[Any, ...]: ...
def track_residual_backward(
    upstream: Any, positions: Any, visible: Any, count: Any, dt: Any, norm: Any, reduction: Any, num_threads: Any
) -> Any: ...

version: str

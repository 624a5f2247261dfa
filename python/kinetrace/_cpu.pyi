# Written by scripts/stubs.py from the extension module; do not edit.
from typing import Any

def best_simd_level() -> str: ...
def chain_flow(
    flow: Any, points: Any, backward_flow: Any, start_each: Any, start: Any, max_cycle_error: Any, num_threads: Any
) -> tuple[Any, ...]: ...
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
def dtw_roof(is_double: bool, coordinates: bool, cells: Any) -> int: ...
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
def num_threads() -> int: ...
def rouge(references: Any, candidates: Any, stem: Any, num_threads: Any) -> Any: ...
def rouge_cost(
    references: Any, candidates: Any, weights: Any, stem: Any, split: Any, markers: Any, dtype: Any, num_threads: Any
) -> tuple[Any, ...]: ...
def rouge_tokens(text: Any, stem: Any) -> Any: ...
def segment_advantages(advantages: Any, segments: Any, columns: Any, num_threads: Any) -> Any: ...
def set_simd_level(name: str) -> None: ...
def simd_level() -> str: ...
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
def split_steps(text: Any, markers: Any) -> Any: ...
def statuses() -> dict[str, Any]: ...
def stream_move(source: Any, target: Any, num_threads: Any = ...) -> None: ...
def stream_read(buffer: Any, num_threads: Any = ...) -> int: ...
def track_residual(
    positions: Any, visible: Any, dt: Any, norm: Any, reduction: Any, num_threads: Any
) -> tuple[Any, ...]: ...
def track_residual_backward(
    upstream: Any, positions: Any, visible: Any, count: Any, dt: Any, norm: Any, reduction: Any, num_threads: Any
) -> Any: ...

compiler: str
cuda_build: str
version: str

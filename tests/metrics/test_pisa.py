"""kt.metrics.pisa: golden vectors, the published behaviour restated with SciPy, quirks one by one, bad calls."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

import kinetrace as kt
from compare import assert_within
from golden_cases import allowed, case_id, cases
from kinetrace import _testing
from kinetrace.metrics.pisa import _known_mean
from mask_cases import KINDS, chamfer_by_trees, draw_mask

BACKENDS = _testing.backends()


def _clip(rows: list[list[str]]) -> Any:
    return np.array([[[int(c) for c in row] for row in frame] for frame in rows], dtype=np.uint8)


def _number(x: Any) -> float:
    return float(x)


@pytest.mark.parametrize("case", cases("masks", "pisa"), ids=case_id)
def test_golden_masks(backend: Any, case: dict[str, Any]) -> None:
    true, predicted = _clip(case["gt"]), _clip(case["pred"])
    expected = {name: _number(value) for name, value in case["expected"].items()}
    with _testing.use_backend(backend.name):
        got = kt.metrics.pisa(predicted, true)
        clean = kt.metrics.pisa(predicted[None].astype(bool), true[None].astype(bool), compat=False)
    assert list(got) == ["l2", "chamfer", "iou"]
    for name, value in (("l2_compat", got["l2"]), ("chamfer", got["chamfer"]), ("iou", got["iou"])):
        assert_within(value, expected[name], allowed(expected[name], np.float64, "pisa"), name)
    for name, value in (("l2_euclidean", clean["l2"]), ("chamfer", clean["chamfer"]), ("iou", clean["iou"])):
        assert_within(value, expected[name], allowed(expected[name], np.float64, "pisa"), name)


@pytest.mark.parametrize("case", cases("align", "pisa"), ids=case_id)
def test_golden_frames(case: dict[str, Any]) -> None:
    rates = {"predicted_fps": case["pred_fps"], "true_fps": case["gt_fps"]}
    frames = kt.metrics.pisa_frames(case["n_pred"], case["n_gt"], **rates)
    assert frames == case["expected"]["gt_index"]
    assert len(frames) == case["expected"]["n_pred_kept"]


@pytest.mark.parametrize("case", cases("dataset_mean", "pisa"), ids=case_id)
def test_golden_means(case: dict[str, Any]) -> None:
    expected = _number(case["expected"])
    assert_within(_known_mean([_number(x) for x in case["values"]]), expected, allowed(expected, np.float64, "pisa"))


def _published(predicted: Any, true: Any) -> dict[str, float]:
    """What the published code computes for one clip (T, H, W), restated frame by frame with SciPy's k-d tree."""
    p, q = predicted == 1, true == 1
    unit = 1 / (math.sqrt(2) * len(p[0]))
    l2, chamfer, iou = [], [], []
    for a, b in zip(p, q, strict=True):
        if a.any() and b.any():
            apart = np.argwhere(a).mean(axis=0) - np.argwhere(b).mean(axis=0)
            l2 += np.abs(apart).tolist()  # axis by axis: the quirk
            chamfer.append(chamfer_by_trees(a, b))
        iou.append((a & b).sum() / (a | b).sum() if a.any() or b.any() else 1.0)
    mean = {name: np.mean(x) if x else np.nan for name, x in (("l2", l2), ("chamfer", chamfer), ("iou", iou))}
    return {"l2": unit * mean["l2"], "chamfer": unit * mean["chamfer"], "iou": float(mean["iou"])}


@pytest.mark.parametrize("seed", range(210))
def test_the_published_behaviour(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames, height, width = rng.integers(1, 6), rng.integers(1, 90), rng.integers(1, 90)
    clips = []
    for _ in range(2):
        drawn = np.stack([draw_mask(rng, height, width, KINDS[int(rng.integers(8))]) for _ in range(frames)])
        # Values above 1 do not count as set there.
        clips.append(drawn if seed % 3 else (drawn * rng.choice([1, 1, 1, 2, 255], drawn.shape)).astype(np.uint8))
    with _testing.use_backend([name for name in BACKENDS if name.startswith("cpu")][seed % 2]):
        got = kt.metrics.pisa(*clips)
    for name, expected in _published(*clips).items():
        assert_within(got[name], expected, 1e-12 * (1 + abs(np.nan_to_num(expected))), name)


def test_compat_takes_axis_means_and_pixels_that_equal_one() -> None:
    true = np.zeros((1, 3, 256, 256), dtype=np.uint8)
    true[:, :, 100:110, 100:120] = 1
    moved = np.roll(true, (4, 3), axis=(2, 3))
    compat, clean = kt.metrics.pisa(moved, true), kt.metrics.pisa(moved, true, compat=False)
    assert compat["l2"] == pytest.approx(3.5 / (math.sqrt(2) * 256), rel=1e-12)
    assert clean["l2"] == pytest.approx(5 / (math.sqrt(2) * 256), rel=1e-12)
    assert (compat["chamfer"], compat["iou"]) == (clean["chamfer"], clean["iou"])
    loud, quiet = 255 * moved, 255 * true
    assert np.isnan([kt.metrics.pisa(loud, quiet)[name] for name in ("l2", "chamfer")]).all()
    assert kt.metrics.pisa(loud, quiet)["iou"] == 1
    assert kt.metrics.pisa(loud, quiet, compat=False) == clean


def test_empty_frames_and_videos_are_skipped_but_lower_iou() -> None:
    true = np.zeros((3, 4, 40, 30), dtype=bool)
    true[:, :, 10:20, 5:15] = True
    predicted = np.roll(true, 2, axis=3)
    predicted[0, 1:] = predicted[2] = False
    whole = kt.metrics.pisa(np.roll(true, 2, axis=3)[:1], true[:1])
    each = kt.metrics.pisa(predicted, true, reduction="none")
    for name in ("l2", "chamfer"):
        np.testing.assert_allclose(each[name], [whole[name], whole[name], np.nan], rtol=1e-14)
    np.testing.assert_allclose(each["iou"], [whole["iou"] / 4, whole["iou"], 0], rtol=1e-14)
    mean = kt.metrics.pisa(predicted, true)
    assert mean["l2"] == pytest.approx(whole["l2"], rel=1e-14)
    assert mean["iou"] == pytest.approx(whole["iou"] * 1.25 / 3, rel=1e-14)
    assert kt.metrics.pisa_coverage(predicted, true) == {"frames": 5 / 12, "videos": 2 / 3}
    alone = kt.metrics.pisa(predicted[1], true[1], reduction="none")
    assert alone == kt.metrics.pisa(predicted[1], true[1]) == {name: each[name][1] for name in each}


@pytest.mark.parametrize("shape", [(0, 3, 4, 5), (2, 0, 4, 5), (0, 4, 5), (2, 3, 0, 5), (2, 3, 4, 0)])
def test_nothing_to_score(shape: tuple[int, ...]) -> None:
    masks = np.zeros(shape, dtype=bool)
    scores = kt.metrics.pisa(masks, masks)
    assert np.isnan([scores["l2"], scores["chamfer"]]).all()
    np.testing.assert_equal(scores["iou"], 1.0 if shape[-3] and shape[0] else np.nan)
    coverage = kt.metrics.pisa_coverage(masks, masks)
    np.testing.assert_equal(coverage["frames"], 0.0 if shape[-3] and shape[0] else np.nan)


def test_torch_and_strided_masks() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    a, b = (np.stack([draw_mask(rng, 50, 40, "disc") for _ in range(6)]).reshape(2, 3, 50, 40) for _ in range(2))
    plain = kt.metrics.pisa(a, b)
    assert kt.metrics.pisa(torch.from_numpy(a), torch.from_numpy(b)) == plain
    assert kt.metrics.pisa(torch.from_numpy(a.astype(np.uint8)), torch.from_numpy(b)) == plain
    assert kt.metrics.pisa(np.asfortranarray(a), b[..., ::-1].copy()[..., ::-1], num_threads=2) == plain
    assert kt.metrics.pisa_coverage(torch.from_numpy(a), torch.from_numpy(b)) == {"frames": 1.0, "videos": 1.0}
    with pytest.raises(ValueError, match=r"^true: expected a tensor without requires_grad"):
        kt.metrics.pisa(torch.from_numpy(a), torch.from_numpy(b).float().requires_grad_())


MASKS = np.zeros((2, 3, 8, 9), dtype=bool)
BAD: list[tuple[type[Exception], dict[str, Any], str]] = [
    (TypeError, {"predicted": MASKS.tolist()}, "predicted: expected an array, got list"),
    (ValueError, {"true": MASKS.astype(float)}, "true: expected bool or uint8, got float64"),
    (ValueError, {"true": MASKS[0, 0]}, "true: expected shape (B, T, H, W) or (T, H, W), got (8, 9)"),
    (ValueError, {"true": MASKS[:1]}, "true: expected the shape of predicted (2, 3, 8, 9), got (1, 3, 8, 9)"),
    (
        ValueError,
        {"predicted": np.zeros((1, 1, 32_768), bool)},
        "predicted: expected at most 32767 pixels a side, got (1, 1, 32768)",
    ),
    (TypeError, {"compat": 1}, "compat: expected True or False, got int"),
    (ValueError, {"reduction": "sum"}, "reduction: expected 'mean' or 'none', got 'sum'"),
    (ValueError, {"num_threads": 0}, "num_threads: expected a positive int up to 4096 or None, got 0"),
]


@pytest.mark.parametrize(("kind", "changes", "message"), BAD, ids=[m for *_, m in BAD])
def test_bad_calls(kind: type[Exception], changes: dict[str, Any], message: str) -> None:
    arguments = {"predicted": MASKS, "true": MASKS, **changes}
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        kt.metrics.pisa(arguments.pop("predicted"), arguments.pop("true"), **arguments)


@pytest.mark.parametrize(
    ("kind", "counts", "rates", "message"),
    [
        (TypeError, (3.0, 4), (16, 16), "predicted_frames: expected an integer, got float"),
        (ValueError, (3, -1), (16, 16), "true_frames: expected an integer >= 0, got -1"),
        (ValueError, (3, 4), (0, 16), "predicted_fps: expected a finite number > 0, got 0"),
        (ValueError, (3, 4), (16, math.inf), "true_fps: expected a finite number > 0, got inf"),
        (TypeError, (3, 4), ("16", 16), "predicted_fps: expected a number, got str"),
    ],
)
def test_bad_frames(kind: type[Exception], counts: Any, rates: Any, message: str) -> None:
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        kt.metrics.pisa_frames(*counts, predicted_fps=rates[0], true_fps=rates[1])

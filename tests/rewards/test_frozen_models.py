"""The frozen models themselves: OpenCV's DIS, torchvision's RAFT, V-JEPA 2 from disk through transformers."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kinetrace.rewards import MassReward, NewtonReward, OpenCVFlow, RaftFlow, VJepa2Features
from newton_models import SmoothFlow, random_frames, save_tiny_vjepa2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_tiny_vjepa2(tmp_path_factory.mktemp("vjepa2"))


# -- V-JEPA 2 ---------------------------------------------------------------------------------------------------------


def test_loads_from_disk_frozen(folder: str) -> None:
    from transformers import VJEPA2Model

    features = VJepa2Features(folder, local_files_only=True)
    module = features.module()
    assert type(module) is VJEPA2Model
    assert not module.training
    assert not any(p.requires_grad for p in module.parameters())
    frames = random_frames(1, 2, 4, 3, 32, 32, dtype=torch.float32)
    got = features(frames)
    assert got.shape == (2, 2 * 2 * 2, 24)  # tubelets of 2 frames, patches of 16 x 16
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    pixels = (frames - mean[:, None, None]) / std[:, None, None]
    with torch.no_grad():
        torch.testing.assert_close(got, module.get_vision_features(pixels))
        torch.testing.assert_close(features(frames.numpy()), got)


def test_layers(folder: str) -> None:
    frames = random_frames(2, 1, 4, 3, 32, 32, dtype=torch.float32)
    layers = [VJepa2Features(folder, layer=layer)(frames) for layer in (0, 1, None)]
    assert all(layer.shape == (1, 8, 24) for layer in layers)
    assert not torch.allclose(layers[0], layers[1])
    assert not torch.allclose(layers[1], layers[2])


@pytest.mark.parametrize("size", [(32, 32), (48, 40), (40, 64), (20, 24)])
def test_resizing(folder: str, size: tuple[int, int]) -> None:
    frames = random_frames(3, 1, 4, 3, *size)
    whole = VJepa2Features(folder, dtype=torch.float64)
    resized = torch.nn.functional.interpolate(frames[0], (32, 32), mode="bilinear", antialias=True)[None]
    torch.testing.assert_close(whole(frames), VJepa2Features(folder, resize=None, dtype=torch.float64)(resized))
    crop = VJepa2Features(folder, resize="crop", dtype=torch.float64)
    seen = crop._pixels(frames, 32)
    assert seen.shape == (1, 4, 3, 32, 32)
    h, w = size
    short = 36  # 32 * 256 / 224
    new = (short, short * w // h) if h <= w else (short * h // w, short)
    middle = torch.nn.functional.interpolate(frames[0], new, mode="bilinear", antialias=True)
    middle = middle[..., (new[0] - 32) // 2 :, (new[1] - 32) // 2 :][..., :32, :32]
    mean, std = (torch.tensor(v, dtype=torch.float64)[:, None, None] for v in (crop.mean, crop.std))
    torch.testing.assert_close(seen[0], (middle - mean) / std)


@pytest.mark.parametrize("resize", ["whole", "crop", None])
def test_gradient_against_finite_differences(folder: str, resize: str | None) -> None:
    reward = MassReward(VJepa2Features(folder, resize=resize, dtype=torch.float64), layout="BCTHW")
    side = 32 if resize is None else 12
    frames, reference = random_frames(4, 1, 3, 2, side, side), random_frames(5, 1, 3, 2, side, side)
    frames.requires_grad_()
    loss, _ = reward(frames, reference=reference)
    (slope,) = torch.autograd.grad(loss, frames)
    assert (slope != 0).any()
    for seed in range(3):
        way = torch.randn(frames.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            ahead, behind = (reward(frames + s * 1e-6 * way, reference=reference)[0] for s in (1, -1))
        torch.testing.assert_close((slope * way).sum(), (ahead - behind) / 2e-6, rtol=1e-5, atol=1e-9)
    module = reward.features.module()
    assert all(p.grad is None and not p.requires_grad for p in module.parameters())
    assert reward.get_reward(frames.detach(), reference=frames.detach()).item() == 0


def test_by_name_in_a_reward_under_autocast(folder: str) -> None:
    reward = NewtonReward(flow=SmoothFlow(), features=folder, mass_weight=0.5, device="cpu", dtype=torch.bfloat16)
    frames = random_frames(6, 1, 4, 3, 32, 32, dtype=torch.float32).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, _ = reward(frames, reference=frames.detach().flip(1))
    assert loss.dtype == torch.float32
    loss.backward()
    assert frames.grad is not None
    assert frames.grad.isfinite().all()
    assert next(reward.features.module().parameters()).dtype == torch.bfloat16


def test_a_loaded_model_stays_out_of_pickles_and_is_shared_by_copies(folder: str) -> None:
    features = VJepa2Features(folder)
    frames = random_frames(7, 1, 4, 3, 32, 32, dtype=torch.float32)
    want = features(frames)
    text = pickle.dumps(features)
    assert len(text) < 1000
    torch.testing.assert_close(pickle.loads(text)(frames), want, rtol=0, atol=0)
    assert copy.deepcopy(features) is features


def test_no_such_model(tmp_path: Path) -> None:
    with pytest.raises((OSError, ValueError), match="config"):
        VJepa2Features(str(tmp_path), local_files_only=True).module()
    with pytest.raises(ValueError, match=r"^resize: expected one of 'whole', 'crop', got 'fit'"):
        VJepa2Features(resize="fit")


# -- RAFT -------------------------------------------------------------------------------------------------------------


def torchvision_or_skip() -> Any:
    """torchvision's flow models, where a torchvision that fits torch is installed (beside torch's CPU build: none)."""
    try:
        from torchvision.models import optical_flow
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"no torchvision that fits torch: {error}")
    return optical_flow


def test_torchvision_s_raft(tmp_path: Path) -> None:
    optical_flow = torchvision_or_skip()
    torch.manual_seed(8)
    module = optical_flow.raft_small(weights=None).eval()
    torch.save(module.state_dict(), tmp_path / "raft.pth")
    model = RaftFlow("raft_small", weights=tmp_path / "raft.pth", num_flow_updates=2, pairs_per_call=1)
    frames = (random_frames(9, 1, 5, 3, 128, 130, dtype=torch.float32) * 2 - 1).requires_grad_()
    flow = model(frames)
    assert flow.shape == (1, 4, 2, 128, 130)
    with torch.no_grad():
        padded = torch.nn.functional.pad(frames[0], (0, 6, 0, 0), mode="replicate")
        torch.testing.assert_close(flow[:, 2, ..., :130], module(padded[2:3], padded[3:4], 2)[-1][..., :130])
    gradients = []
    for checkpoint in (False, True):
        reward = NewtonReward(flow=RaftFlow(module, num_flow_updates=2, checkpoint=checkpoint), range="[-1,1]")
        loss, _ = reward(frames)
        gradients.append(torch.autograd.grad(loss, frames)[0])
    assert (gradients[0] != 0).any()
    torch.testing.assert_close(gradients[0], gradients[1])
    assert not any(p.requires_grad for p in module.parameters())


def test_without_torchvision_raft_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(ImportError, match="RaftFlow needs a torchvision that fits the installed torch"):
        NewtonReward(flow="raft_small", flow_weights="DEFAULT")(torch.zeros(1, 4, 3, 128, 128))
    with pytest.raises(ValueError, match=r"^pairs_per_call: expected at least 1, got 0"):
        RaftFlow(SmoothFlow(), pairs_per_call=0)


# -- OpenCV -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", ["ultrafast", "fast", "medium"])
def test_dis_finds_a_shift(preset: str) -> None:
    rng = np.random.default_rng(10)
    wide = rng.integers(0, 256, (9, 9), np.uint8).repeat(9, 0).repeat(9, 1)
    frames = np.stack([wide[4:68, 12 - 2 * t : 76 - 2 * t] for t in range(3)])[None, :, None]
    flow = OpenCVFlow(preset)(frames)
    assert flow.shape == (1, 2, 2, 64, 64)
    assert flow.dtype == np.float32
    np.testing.assert_allclose(np.median(flow[0], axis=(0, 2, 3)), [2, 0], atol=0.1)
    same = OpenCVFlow(preset)(torch.from_numpy(frames).expand(1, 3, 3, 64, 64))
    np.testing.assert_allclose(same.numpy(), flow, atol=0.05)


def test_dis_refuses() -> None:
    with pytest.raises(ValueError, match=r"^preset: expected one of 'ultrafast', 'fast', 'medium', got 'best'"):
        OpenCVFlow("best")
    with pytest.raises(ValueError, match=r"^frames: expected an array on cpu, got meta"):
        OpenCVFlow()(torch.zeros(1, 3, 3, 8, 8, dtype=torch.uint8, device="meta"))

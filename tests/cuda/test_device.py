"""What only a GPU can show: streams, graph capture, allocation, devices. Not collected where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kinetrace import _testing

if not _testing.cuda_is_usable():
    pytest.skip("needs a CUDA GPU, the CUDA back end and a CUDA build of torch", allow_module_level=True)

import torch

import kinetrace as kt
from compare import assert_same_bits

pytestmark = pytest.mark.cuda

RNG = np.random.default_rng(5)
TRACKS = RNG.normal(size=(5000, 33, 2)).astype(np.float32)
FLOW = RNG.normal(size=(2, 6, 2, 40, 70)).astype(np.float32)
POINTS = RNG.uniform(0, 39, size=(300, 2)).astype(np.float32)

CALLS: dict[str, Any] = {
    "fit_kinematics": lambda x: kt.fit_kinematics(x, robust="huber"),
    "fit_segments": lambda x: kt.fit_segments(x[:200]),
    "kinematic_residual": lambda x: kt.kinematic_residual(x),
    "kinematic_residual advected": lambda x: kt.kinematic_residual(x, mode="advected"),
    "track_residual": lambda x: kt.track_residual(x.transpose(0, 1)),
    "chain_flow": lambda x: kt.chain_flow(x[0], torch.from_numpy(POINTS).to(x.device)),
}


def _input(name: str) -> Any:
    return torch.from_numpy(FLOW if "flow" in name or "kinematic_residual" in name else TRACKS).cuda()


def _host(result: Any) -> Any:
    if isinstance(result, tuple):
        return type(result)(*(x if x is None else x.cpu().numpy() for x in result))
    return result.cpu().numpy()


@pytest.mark.parametrize("name", CALLS)
def test_results_are_on_the_device_of_the_input(name: str) -> None:
    result = CALLS[name](_input(name))
    parts = result if isinstance(result, tuple) else (result,)
    assert {x.device.type for x in parts if x is not None} == {"cuda"}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_can_be_captured_in_a_graph(name: str) -> None:
    # Capture fails on any synchronisation and on any allocation that does not come from torch's own pool.
    x = _input(name)
    expected = _host(CALLS[name](x))
    other = _host(CALLS[name](x.flip(-1).contiguous() * 0.5))
    static = x.clone()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        CALLS[name](static)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        result = CALLS[name](static)
    graph.replay()
    torch.cuda.synchronize()
    assert_same_bits(_host(result), expected)
    static.copy_(x.flip(-1).contiguous() * 0.5)
    graph.replay()
    torch.cuda.synchronize()
    assert_same_bits(_host(result), other)


@pytest.mark.parametrize("name", CALLS)
def test_work_goes_to_the_current_stream(name: str) -> None:
    x = _input(name)
    expected = _host(CALLS[name](x))
    stream = torch.cuda.Stream()
    late = torch.zeros_like(x)
    torch.cuda.synchronize()
    with torch.cuda.stream(stream):
        torch.cuda._sleep(50_000_000)  # the input is written late, on this stream only
        late.copy_(x)
        result = CALLS[name](late)
        assert not stream.query(), "the call waited for the stream"
    stream.synchronize()
    assert_same_bits(_host(result), expected)


def test_arguments_on_other_devices_are_refused() -> None:
    x = torch.from_numpy(TRACKS).cuda()
    with pytest.raises(ValueError, match=r"^weights: expected an array on a CUDA device, got cpu$"):
        kt.fit_kinematics(x, weights=torch.ones(5000, 33))
    with pytest.raises(ValueError, match=r"^weights: expected an array on cpu, got cuda:0$"):
        kt.fit_kinematics(TRACKS, weights=torch.ones(5000, 33).cuda())


def test_the_current_device_and_errors_are_left_alone() -> None:
    before = torch.cuda.current_device()
    kt.fit_kinematics(torch.from_numpy(TRACKS).cuda())
    assert torch.cuda.current_device() == before
    torch.cuda.synchronize()

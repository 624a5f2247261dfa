"""Every check of the advantages has a call that fails it, with the whole message."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import kinetrace as kt
from kinetrace import _testing

R = np.zeros((4, 2))
G = np.zeros(4, np.int64)
S = np.zeros((4, 3), np.int64)
MODES = "'grpo', 'dr_grpo', 'batch_std', 'rloo', 'gdpo', 'passk', 'opo', 'reinforce_pp_baseline', 'gpg'"
IDS = "int8, uint8, int32 or int64"
ARRAY = "an array (NumPy, Torch, CuPy, DLPack or CUDA array interface)"

GROUP: list[tuple[type[Exception], dict[str, Any], str]] = [
    (ValueError, {"rewards": R.astype(np.int64)}, "rewards: expected float32 or float64, got int64"),
    (ValueError, {"rewards": R.astype(np.float16)}, "rewards: expected float32 or float64, got float16"),
    (ValueError, {"rewards": R[0, 0]}, "rewards: expected shape (B,) or (B, K), got ()"),
    (ValueError, {"rewards": R[:, :0]}, "rewards: expected 1 to 64 rewards K, got 0"),
    (ValueError, {"rewards": np.zeros((4, 65))}, "rewards: expected 1 to 64 rewards K, got 65"),
    (TypeError, {"rewards": [1.0]}, f"rewards: expected {ARRAY}, got list"),
    (ValueError, {"groups": G.astype(float)}, "groups: expected int32 or int64, got float64"),
    (ValueError, {"groups": G.astype(np.int8)}, "groups: expected int32 or int64, got int8"),
    (ValueError, {"groups": G[:3]}, "groups: expected shape (B,) = (4,), got (3,)"),
    (ValueError, {"groups": ["a"]}, "groups: expected shape (B,) = (4,), got (1,)"),
    (TypeError, {"groups": "abcd"}, "groups: expected an array of integers or a sequence of ids, got str"),
    (TypeError, {"groups": [[0]] * 4}, "groups: expected an array of integers or a sequence of ids, got list in it"),
    (TypeError, {"groups": 3}, "groups: expected an array of integers or a sequence of ids, got int"),
    (ValueError, {"mode": "ppo"}, f"mode: expected one of {MODES}, got 'ppo'"),
    (ValueError, {"mode": "sum"}, f"mode: expected one of {MODES}, got 'sum'"),
    (ValueError, {"eps": -1.0}, "eps: expected a finite number >= 0, got -1.0"),
    (ValueError, {"eps": np.nan}, "eps: expected a finite number >= 0, got nan"),
    (TypeError, {"eps": "1"}, "eps: expected a finite number >= 0, got str"),
    (ValueError, {"ddof": -1}, "ddof: expected an int >= 0, got -1"),
    (TypeError, {"ddof": 1.0}, "ddof: expected an int >= 0, got float"),
    (ValueError, {"var_floor": np.inf}, "var_floor: expected a finite number >= 0, got inf"),
    (ValueError, {"f_norm": 0.0}, "f_norm: expected a positive finite number, got 0.0"),
    (ValueError, {"singleton": "one"}, "singleton: expected 'zero' or 'raw', got 'one'"),
    (ValueError, {"nan_policy": "raise"}, "nan_policy: expected 'omit' or 'propagate', got 'raise'"),
    (TypeError, {"scale": 1}, "scale: expected True or False, got int"),
    (
        ValueError,
        {"mode": "passk", "singleton": "raw"},
        "singleton: expected 'zero' with mode 'passk', got 'raw'",
    ),
    (ValueError, {"mode": "opo"}, "lengths: expected an array of response tokens with this mode, got None"),
    (
        ValueError,
        {"mode": "reinforce_pp_baseline"},
        "lengths: expected an array of response tokens with this mode, got None",
    ),
    (ValueError, {"lengths": R[:, 0]}, "lengths: expected int32 or int64, got float64"),
    (ValueError, {"lengths": G[1:]}, "lengths: expected shape (B,) = (4,), got (3,)"),
    (ValueError, {"weights": [1.0]}, "weights: expected 2 numbers, one per reward, got 1"),
    (ValueError, {"weights": [1.0, np.inf]}, "weights: expected finite numbers, one per reward, got inf"),
    (TypeError, {"weights": 1.0}, "weights: expected finite numbers, one per reward, got float"),
    (TypeError, {"weights": ["1", "2"]}, "weights: expected finite numbers, one per reward, got str"),
    (ValueError, {"num_threads": 0}, "num_threads: expected a positive int up to 4096 or None, got 0"),
]

SEGMENT: list[tuple[type[Exception], dict[str, Any], str]] = [
    (ValueError, {"rewards": R[:, 0]}, "rewards: expected an array (B, K), got (4,)"),
    (TypeError, {"rewards": 1.0}, "rewards: expected an array (B, K), got float"),
    (ValueError, {"mode": "opo"}, "mode: expected one of 'grpo', 'dr_grpo', 'rloo', 'passk', got 'opo'"),
    (TypeError, {"separate": 1}, "separate: expected True or False, got int"),
    (ValueError, {"weights": [1, 1]}, "weights: expected None with separate=True, got weights"),
    (ValueError, {"segments": S.astype(float)}, f"segments: expected {IDS}, got float64"),
    (ValueError, {"segments": S.astype(bool)}, f"segments: expected {IDS}, got bool"),
    (ValueError, {"segments": S.astype(np.int16)}, f"segments: expected {IDS}, got another dtype"),
    (ValueError, {"rewards": R.astype(np.float16)}, "rewards: expected float32 or float64, got float16"),
    (ValueError, {"segments": S[:3]}, "segments: expected shape (B, T) = (4, 3), got (3, 3)"),
    (ValueError, {"segments": S[:, 0]}, "segments: expected shape (B, T) = (4, *), got (4,)"),
    (TypeError, {"segments": [[0]]}, f"segments: expected {ARRAY}, got list"),
]


@pytest.mark.parametrize(("kind", "changes", "message"), GROUP, ids=[m for *_, m in GROUP])
def test_group_advantages(backend: Any, kind: type[Exception], changes: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"rewards": R, "groups": G} | changes
    with _testing.use_backend(backend.name), pytest.raises(kind, match=f"^{re.escape(message)}$"):
        kt.group_advantages(**arguments)


@pytest.mark.parametrize(("kind", "changes", "message"), SEGMENT, ids=[m for *_, m in SEGMENT])
def test_segment_advantages(backend: Any, kind: type[Exception], changes: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"rewards": R, "groups": G, "segments": S} | changes
    with _testing.use_backend(backend.name), pytest.raises(kind, match=f"^{re.escape(message)}$"):
        kt.segment_advantages(**arguments)


def test_overlong_penalty() -> None:
    lengths = np.array([1, 2])
    for arguments, message in (
        ({"max_length": 0}, "max_length: expected a finite number >= 1, got 0"),
        ({"cache": 0}, "cache: expected a finite number >= 1, got 0"),
        ({"cache": 11}, "cache: expected at most max_length 10, got 11"),
        ({"penalty": -1.0}, "penalty: expected a finite number >= 0, got -1.0"),
        ({"form": "x"}, "form: expected 'trl' or 'verl', got 'x'"),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            kt.overlong_penalty(lengths, **({"max_length": 10, "cache": 5} | arguments))


def test_process_supervision() -> None:
    with pytest.raises(ValueError, match=r"^step_rewards: expected shape \(B, S\), got \(4,\)$"):
        kt.process_supervision_advantages(R[:, 0], G)
    with pytest.raises(ValueError, match=r"^num_tokens: expected together with step_ends, got one of the two$"):
        kt.process_supervision_advantages(R, G, num_tokens=4)
    with pytest.raises(ValueError, match=r"^step_ends: expected int32 or int64, got int8$"):
        kt.process_supervision_advantages(R, G, step_ends=np.zeros((4, 2), np.int8), num_tokens=300)

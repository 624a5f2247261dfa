"""The score of an entity and of a clip: how well it obeys one constant acceleration (kinetrace's choice)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from kinetrace.fit_kinematics import fit_kinematics
from kinetrace.fit_segments import fit_segments

from .entities import Entity
from .outline import track_noise

Floats = npt.NDArray[np.float64]

TOLERANCE_PX: Final = 0.5
"""RMS departure that halves a part of the score, in pixels of a 512 x 512 image; grows with the diagonal."""
JUMP_TOLERANCE: Final = 4.0
"""Jumps are measured in this many tolerances."""
CONTACT_FACTOR: Final = 0.85
MISSING_TOLERANCE: Final = 0.1
"""Share of frames in which an entity should be seen and is not that halves its permanence."""
EDGE_FRAMES: Final = 2
"""Frames at either end of a path that may be missing: differences over time do not reach them."""
SPLIT_NOISE: Final = 0.5
"""A split must explain what noise of this many tolerances would not."""
MAX_SEGMENTS: Final = 4
MIN_CONTACT_PX: Final = 0.75
"""Smallest change of velocity, in pixels per frame, that makes a split a contact."""


@dataclass(frozen=True)
class EntityScore:
    """The fits of one entity and the parts of its score; lengths in px, times in s."""

    position: Floats
    velocity: Floats
    """(2,) px/s of the constant-acceleration fit at the first frame in which the entity is seen."""
    acceleration: Floats
    """(2,) px/s^2 of the one fit to all frames."""
    fitted: Floats
    """(T, 2) path of that fit."""
    residual_rms: float
    r_squared: float
    noise_px: float
    contacts: tuple[float, ...]
    """Times in s of sudden changes of velocity."""
    shared_rms: float
    """RMS residual of one acceleration shared by all pieces between contacts."""
    drift_px: float
    """RMS size of the linear change of acceleration within that."""
    jump_px: float
    missing: float
    """Weighted share of the frames in which the entity should be seen and is not."""
    parts: dict[str, float]
    score: float
    notes: tuple[str, ...]


def score_entity(
    entity: Entity, times_s: Floats, size: tuple[int, int], to_raw: Floats, cuts: tuple[int, ...] = ()
) -> EntityScore:
    """Fits and scores one entity.

    Args:
        entity: its path in stabilised pixels.
        times_s: (T,) frame times.
        size: width and height.
        to_raw: (T, 3, 3) from stabilised pixels to the pixels of each frame.
        cuts: first frames of new shots; nothing is expected to be seen across one.
    """
    frame_s = float(np.median(np.diff(times_s)))
    centre = np.where(entity.seen[:, None], entity.centre, 0.0)
    fit = fit_kinematics(centre[None], times=times_s, visible=entity.seen[None])
    fitted = _evaluate(np.asarray(fit.coefficients[0]), times_s)
    noise = track_noise(entity.centre, entity.seen)
    scale = float(np.hypot(*size)) / np.hypot(512, 512)
    tolerance = float(np.hypot(TOLERANCE_PX * scale, 2 * noise))
    starts, contacts, jump = _pieces(entity, times_s, SPLIT_NOISE * tolerance, frame_s)
    shared, cubic = _shared_residuals(entity, times_s, starts)
    drift = float(np.sqrt(max(shared**2 - cubic**2, 0.0)))
    missing, notes = _missing(entity, times_s, starts, size, to_raw, cuts)
    parts = {
        "residual": 1.0 / (1.0 + (cubic / tolerance) ** 2),
        "drift": 1.0 / (1.0 + (drift / tolerance) ** 2),
        "contacts": CONTACT_FACTOR ** len(contacts),
        "jump": 1.0 / (1.0 + float(jump / (JUMP_TOLERANCE * tolerance)) ** 2),
        "permanence": 1.0 / (1.0 + (missing / MISSING_TOLERANCE) ** 2),
    }
    first = times_s[entity.first]
    p, v, a = np.asarray(fit.coefficients[0], dtype=np.float64)
    return EntityScore(
        p + v * first + a * first**2 / 2,
        v + a * first,
        a,
        fitted,
        float(fit.residual_rms[0]),
        float(fit.r_squared[0]),
        noise,
        tuple(contacts),
        shared,
        drift,
        jump,
        missing,
        parts,
        float(np.prod(list(parts.values()))),
        tuple([_break_note(f, kind) for f, kind in entity.breaks] + notes),
    )


def score_clip(scores: list[EntityScore], masses: list[float]) -> float:
    """Mean of the entities' scores, weighted by their mass (point-frames)."""
    return float(np.average([s.score for s in scores], weights=masses))


def _evaluate(coefficients: Floats, times: Floats) -> Floats:
    p, v, a = coefficients
    return np.asarray(p + times[:, None] * v + 0.5 * times[:, None] ** 2 * a)


def _pieces(entity: Entity, times: Floats, noise: float, frame_s: float) -> tuple[list[int], list[float], float]:
    """Start frames of the pieces between contacts and jumps, contact times, and the largest jump in px.

    A split of the path with a gap in position is a jump, one with a sudden change of velocity is a
    contact; a split at which neither breaks only says that the acceleration changed: it frees nothing in
    the shared fit.
    """
    seen = np.flatnonzero(entity.seen)
    centre = np.where(entity.seen[:, None], entity.centre, 0.0)
    fit = fit_segments(
        centre[None],
        times=times,
        visible=entity.seen[None],
        max_segments=MAX_SEGMENTS,
        min_points=5,
        noise=noise,
    )
    starts, contacts, jump = [int(seen[0])], [], 0.0
    for k in range(int(fit.n_segments[0]) - 1):
        frame = int(fit.boundaries[0, k])
        before_frame = int(seen[seen < frame][-1])
        middle = np.array([(times[before_frame] + times[frame]) / 2])
        one, two = (np.asarray(fit.coefficients[0, i], dtype=np.float64) for i in (k, k + 1))
        kick = float(np.linalg.norm((two[1] + two[2] * middle) - (one[1] + one[2] * middle)))
        gap = float(np.linalg.norm(_evaluate(two, middle) - _evaluate(one, middle)))
        # A contact between the frames leaves a gap of up to half a frame of the change of velocity.
        excess = gap - 0.5 * kick * (times[frame] - times[before_frame]) - 3 * noise
        if excess > max(2.0, 0.1 * entity.radius_px):
            jump = max(jump, excess)
        elif kick * frame_s > MIN_CONTACT_PX:
            contacts.append(_time(fit.contact_times[0, k], float(middle[0])))
        else:
            continue
        starts.append(frame)
    return starts, contacts, jump


def _time(value: float, otherwise: float) -> float:
    return float(value) if np.isfinite(value) else otherwise


def _shared_residuals(entity: Entity, times: Floats, starts: list[int]) -> tuple[float, float]:
    """RMS residuals with one acceleration for all pieces, and with one acceleration and one jerk."""
    seen = np.flatnonzero(entity.seen)
    piece = np.searchsorted(starts, seen, side="right") - 1
    t = times[seen] - times[seen].mean()
    t = t / max(float(np.abs(t).max()), 1e-12)
    columns = [(piece == k) * power for k in range(len(starts)) for power in (np.ones_like(t), t)]
    path = entity.centre[seen] - entity.centre[seen].mean(0)
    out = []
    for extra in ([t**2], [t**2, t**3]):
        a = np.column_stack([*columns, *extra])
        residual = path - a @ np.linalg.lstsq(a, path, rcond=None)[0]
        out.append(float(np.sqrt((residual**2).sum() / len(seen))))
    return out[0], min(out)


def _missing(
    entity: Entity,
    times: Floats,
    starts: list[int],
    size: tuple[int, int],
    to_raw: Floats,
    cuts: tuple[int, ...],
) -> tuple[float, list[str]]:
    """Weighted share of frames in which the entity is inside the image by its own path, and not seen.

    Before its first and after its last frame the path is continued with the parabola of the nearest piece,
    for at most as many frames as it was seen. A loss within one frame counts in full, a gradual one, as
    behind an occluder, half. Gaps after which the entity returned on its path do not count.
    """
    seen = np.flatnonzero(entity.seen)
    per_frame = entity.evidence[seen]
    usual = float(np.median(per_frame))
    lost, notes = 0.0, []
    for forward in (True, False):
        edge = int(seen[-1] if forward else seen[0])
        piece = seen[seen >= starts[-1]] if forward else seen[seen < starts[1]] if len(starts) > 1 else seen
        if len(piece) < 4:
            continue
        fit = fit_kinematics(entity.centre[None, piece], times=times[piece])
        path = _evaluate(np.asarray(fit.coefficients[0], dtype=np.float64), times)
        begin = max((c for c in cuts if c <= edge), default=0)
        end = min((c for c in cuts if c > edge), default=len(times))
        beyond = range(edge + 1, end) if forward else range(edge - 1, begin - 1, -1)
        count = 0
        for t in list(beyond)[: len(seen)]:
            x, y = to_raw[t, :2, :2] @ path[t] + to_raw[t, :2, 2]
            margin = (
                entity.radius_px + 2.0 + _spread(np.asarray(fit.covariance[0]), times[t], float(fit.residual_rms[0]))
            )
            if not (margin <= x <= size[0] - 1 - margin and margin <= y <= size[1] - 1 - margin):
                break
            count += 1
        if count > EDGE_FRAMES:
            sudden = bool(entity.by_region[edge]) or float(entity.evidence[edge]) >= 0.5 * usual
            lost += count if sudden else 0.5 * count
            verb = ("vanishes" if sudden else "is lost") if forward else ("appears" if sudden else "emerges")
            place = f"frame {edge + 1}" if forward else f"frame {edge}"
            notes.append(f"{verb} inside the picture at {place}")
    return lost / (lost + len(seen)), notes


def _spread(covariance: Floats, time: float, rms: float) -> float:
    """Two standard errors of the continued path, in px."""
    basis = np.array([1.0, time, time * time / 2])
    return 2.0 * float(np.sqrt(max(basis @ covariance @ basis, 0.0))) * max(rms, 0.1)


def _break_note(frame: int, kind: str) -> str:
    return f"jumps to another place at frame {frame}" if kind == "jump" else f"hidden before frame {frame}"

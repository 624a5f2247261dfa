"""NewtonRewards' central claim on a laptop: the kinematic term alone stops all motion, with the mass term it does not.

A toy, and what follows from the two losses in it: a network of 5,700 weights turns a throw (place, velocity, gravity) into
a path, a fixed renderer turns the path into frames, and gradients come back from the frames through a frozen flow model
and frozen features (docs/newton-rewards.md says what it is not).

    python examples/newton_collapse.py --seeds 5 --out newton_collapse.png
"""

from __future__ import annotations

import argparse
import copy
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from kinetrace.rewards import MassReward, NewtonReward

FRAMES, SIDE_PX, RADIUS_PX = 10, 40, 5.0
ARMS = ("kinematic", "kinematic + mass", "mass")


class Generator(nn.Module):
    """Throws (B, 5) to paths (B, T, 2) in px that begin at the given place."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(5, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2 * (FRAMES - 1))
        )
        self.register_buffer("scale", torch.tensor([5.0, 5.0, 1.0, 1.0, 0.1]))
        self.register_buffer("middle", torch.tensor([10.5, 16.5, 1.4, -0.5, 0.17]))

    def forward(self, throws: Tensor) -> Tensor:
        steps = self.net((throws - self.middle) / self.scale).unflatten(1, (FRAMES - 1, 2))
        velocity = torch.cat([steps[:, :1], 0.2 * steps[:, 1:]], 1).cumsum(1)  # the first one, then what is added
        return throws[:, None, :2] + functional.pad(velocity.cumsum(1), (0, 0, 1, 0))


def draw_throws(count: int, seed: int) -> Tensor:
    """Place (px), velocity (px/frame) and gravity (px/frame^2, downward) of throws that stay in the picture."""
    u = torch.rand(count, 5, generator=torch.Generator().manual_seed(seed))
    low = torch.tensor([8.0, 14.0, 0.8, -1.0, 0.10])
    high = torch.tensor([13.0, 19.0, 2.0, 0.0, 0.25])
    return low + (high - low) * u


def true_paths(throws: Tensor) -> Tensor:
    """Paths (B, T, 2) of constant acceleration."""
    t = torch.arange(FRAMES, dtype=throws.dtype)[:, None]
    fall = functional.pad(throws[:, None, 4:], (1, 0))
    return throws[:, None, :2] + throws[:, None, 2:4] * t + 0.5 * fall * t**2


def render(paths: Tensor) -> Tensor:
    """Frames (B, T, 3, H, W) in [0, 1] of a textured disc before a textured wall."""
    y, x = torch.meshgrid(torch.arange(SIDE_PX), torch.arange(SIDE_PX), indexing="ij")
    wall = 0.35 + 0.1 * torch.sin(0.55 * x + 0.2 * y) * torch.cos(0.45 * y)
    dx, dy = x - paths[..., 0, None, None], y - paths[..., 1, None, None]
    disc = torch.sigmoid(1.5 * (RADIUS_PX - (dx**2 + dy**2 + 1e-6).sqrt()))
    skin = 0.75 + 0.2 * torch.sin(0.9 * dx) * torch.cos(0.8 * dy)
    grey = wall + disc * (skin - wall)
    return grey[:, :, None].expand(-1, -1, 3, -1, -1)


@cache
def window(size: int) -> Tensor:
    """The matrix (size, size) that sums under a Gaussian of 2 px."""
    at = torch.arange(size, dtype=torch.float32)
    weights = torch.exp(-((at[:, None] - at) ** 2) / 8)
    return weights / weights.sum(1).max()


class LucasKanade(nn.Module):
    """A differentiable flow model: Lucas and Kanade's least squares over windows, coarse to fine. It has no weights."""

    frame_range, differentiable = "[0,1]", True

    def forward(self, frames: Tensor) -> Tensor:
        grey = frames.mean(2)
        b, t, h, w = grey.shape
        first, second = grey[:, :-1].reshape(-1, 1, h, w), grey[:, 1:].reshape(-1, 1, h, w)
        flow = first.new_zeros(len(first), 2, h // 2, w // 2)
        for level in (1, 0):
            a, c = (functional.avg_pool2d(x, 2**level) if level else x for x in (first, second))
            if level == 0:
                flow = 2 * functional.interpolate(flow, scale_factor=2, mode="bilinear")
            for _ in range(2):
                flow = flow + self._step(a, self._warped(c, flow))
        return flow.unflatten(0, (b, t - 1))

    def _step(self, a: Tensor, c: Tensor) -> Tensor:
        """What the windows' least squares add to the flow."""
        mean = functional.pad((a + c) / 2, (1, 1, 1, 1), mode="replicate")
        gx = (mean[..., 1:-1, 2:] - mean[..., 1:-1, :-2]) / 2
        gy = (mean[..., 2:, 1:-1] - mean[..., :-2, 1:-1]) / 2
        gt = c - a
        products = torch.cat([gx * gx, gx * gy, gy * gy, gx * gt, gy * gt], 1)
        xx, xy, yy, xt, yt = (window(a.shape[-2]) @ products @ window(a.shape[-1])).unbind(1)
        xx, yy = xx + 1e-4, yy + 1e-4
        det = xx * yy - xy * xy
        return torch.stack([xy * yt - yy * xt, xy * xt - xx * yt], 1) / det[:, None]

    def _warped(self, image: Tensor, flow: Tensor) -> Tensor:
        h, w = image.shape[-2:]
        y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        at = torch.stack([(x + flow[:, 0]) * 2 / (w - 1) - 1, (y + flow[:, 1]) * 2 / (h - 1) - 1], -1)
        return functional.grid_sample(image, at, padding_mode="border", align_corners=True)


class RandomFeatures(nn.Module):
    """Features of a fixed random network over space and time, in place of V-JEPA 2."""

    frame_range, differentiable = "[0,1]", True

    def __init__(self, channels: int = 16) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.net = nn.Sequential(
                nn.Conv3d(3, channels, (2, 7, 7), stride=(1, 2, 2), padding=(0, 3, 3)),
                nn.ReLU(),
                nn.AvgPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)),
                nn.Conv3d(channels, channels, (1, 3, 3), padding=(0, 1, 1)),
            )

    def forward(self, frames: Tensor) -> Tensor:
        return 30 * self.net(frames.transpose(1, 2)).flatten(2).transpose(1, 2)  # spread of about 1


def centroids(frames: Tensor) -> Tensor:
    """Centroids (B, T, 2) in px of what is brighter than the wall, measured from the pixels."""
    weight = (frames.mean(2) - 0.55).clamp(min=0)
    y, x = torch.meshgrid(torch.arange(SIDE_PX), torch.arange(SIDE_PX), indexing="ij")
    total = weight.sum((-2, -1)).clamp(min=1e-6)
    return torch.stack([(weight * x).sum((-2, -1)), (weight * y).sum((-2, -1))], -1) / total[..., None]


def measured(generator: nn.Module, throws: Tensor) -> dict[str, float]:
    """Motion as a share of the true one, and RMSE_a in px/frame^2, of the clips of throws."""
    with torch.no_grad():
        made, true = centroids(render(generator(throws))), centroids(render(true_paths(throws)))
    length = [c.diff(dim=1).norm(dim=-1).sum() for c in (made, true)]
    error = made.diff(n=2, dim=1) - true.diff(n=2, dim=1)
    return {"motion": (length[0] / length[1]).item(), "rmse_a": error.square().sum(-1).mean().sqrt().item()}


@dataclass
class Run:
    """One arm with one seed: measures on held-out throws, every ten steps from before the first to after the last."""

    arm: str
    seed: int
    generator: Generator
    steps: list[int] = field(default_factory=list)
    motion: list[float] = field(default_factory=list)
    rmse_a: list[float] = field(default_factory=list)

    def measure(self, step: int, throws: Tensor) -> None:
        """Adds the measures after `step` steps."""
        now = measured(self.generator, throws)
        self.steps.append(step)
        self.motion.append(now["motion"])
        self.rmse_a.append(now["rmse_a"])


def pretrained(seed: int, steps: int = 60) -> Generator:
    """A generator after a little supervised training on true paths: it throws, but its acceleration wavers."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generator = Generator()
    optimizer = torch.optim.Adam(generator.parameters(), lr=3e-3)
    for step in range(steps):
        throws = draw_throws(32, seed=10_000 * seed + step)
        loss = (generator(throws) - true_paths(throws)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return generator


def post_train(generator: Generator, arm: str, seed: int, *, steps: int = 200, mass_weight: float = 10.0) -> Run:
    """Back-propagates one arm's reward through the frames into a copy of the generator."""
    run = Run(arm, seed, copy.deepcopy(generator))
    reward: Any = {
        "kinematic": lambda: NewtonReward(flow=LucasKanade()),
        "kinematic + mass": lambda: NewtonReward(
            flow=LucasKanade(), features=RandomFeatures(), mass_weight=mass_weight
        ),
        "mass": lambda: MassReward(RandomFeatures(), weight=mass_weight),
    }[arm]()
    held_out = draw_throws(16, seed=999)
    run.measure(0, held_out)
    optimizer = torch.optim.Adam(run.generator.parameters(), lr=3e-3)
    for step in range(1, steps + 1):
        throws = draw_throws(6, seed=10_000 * seed + 5_000 + step)
        reference = None if arm == "kinematic" else render(true_paths(throws))
        loss, _ = reward(render(run.generator(throws)), reference=reference)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 0 or step == steps:
            run.measure(step, held_out)
    return run


def broken_claims(runs: list[Run]) -> list[str]:
    """What the runs do not show of: alone the kinematic term stops the motion; with mass it stays, and RMSE_a falls."""
    broken = []
    for run in runs:
        what = f"seed {run.seed}, {run.arm}: motion {run.motion[-1]:.2f}, RMSE_a {run.rmse_a[0]:.3f} to {run.rmse_a[-1]:.3f}"
        if run.arm == "kinematic" and run.motion[-1] > 0.25:
            broken.append(what)
        if run.arm == "kinematic + mass" and not (run.motion[-1] > 0.9 and run.rmse_a[-1] < 0.9 * run.rmse_a[0]):
            broken.append(what)
    return broken


def plot(runs: list[Run], out: str) -> None:
    """Both measures over the steps, every seed a line, and what the first seed's generators make of one throw."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    colours = dict(zip(ARMS, ("tab:red", "tab:blue", "0.6"), strict=True))
    figure, (motion, error, picture) = pyplot.subplots(1, 3, figsize=(13, 4), layout="constrained")
    for run in runs:
        label = run.arm if run.seed == runs[0].seed else None
        motion.plot(run.steps, run.motion, color=colours[run.arm], label=label, lw=1)
        error.plot(run.steps, run.rmse_a, color=colours[run.arm], lw=1)
    motion.set(title="motion as a share of the true one", xlabel="step", ylim=(0, 1.3))
    motion.legend(loc="center right")
    error.set(title="RMSE of acceleration, px/frame$^2$", xlabel="step")
    error.set_ylim(bottom=0)
    throw = draw_throws(16, seed=999)[:1]
    picture.imshow(render(true_paths(throw))[0].amax(0).permute(1, 2, 0).numpy())
    for run in runs:
        if run.seed == runs[0].seed:
            with torch.no_grad():
                x, y = run.generator(throw)[0].T
            picture.plot(x, y, "o-", color=colours[run.arm], ms=3, lw=1)
    picture.set(title="all frames of a true throw, and the arms' paths")
    picture.axis("off")
    figure.savefig(out, dpi=80)
    pyplot.close(figure)


def main() -> int:
    """Runs all arms for all seeds; 1 if a claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds (default 5)")
    parser.add_argument("--steps", type=int, default=200, help="post-training steps (default 200)")
    parser.add_argument("--mass-weight", type=float, default=10.0, help="weight of the mass term (default 10)")
    parser.add_argument("--out", default="newton_collapse.png", help="the picture (default newton_collapse.png)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    runs = []
    print(f"{'seed':>4}  {'arm':16}  {'motion':>14}  {'RMSE_a':>16}")
    for seed in range(options.seeds):
        generator = pretrained(seed)
        for arm in ARMS:
            run = post_train(generator, arm, seed, steps=options.steps, mass_weight=options.mass_weight)
            motion, error = (f"{v[0]:.3f} to {v[-1]:.3f}" for v in (run.motion, run.rmse_a))
            print(f"{seed:4}  {arm:16}  {motion:>14}  {error:>16}", flush=True)
            runs.append(run)
    plot(runs, options.out)
    for what in broken_claims(runs):
        print("does not hold:", what)
    return int(bool(broken_claims(runs)))


if __name__ == "__main__":
    raise SystemExit(main())

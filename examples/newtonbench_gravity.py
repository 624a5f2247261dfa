"""Gravity from rendered pixels: 60 clips of falls and throws, sensor noise on most, errors against predicted errors.

MUJOCO_GL=osmesa python examples/newtonbench_gravity.py FOLDER [--png FILE]

Clips are rendered into FOLDER where they are not there yet (about 3 s each on one core), then measured (1 s each).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from kinetrace.benchmarks import newtonbench
from kinetrace.video.decode import read_clip
from kinetrace.video.errors import load_pyplot

PRIMITIVES = ("free_fall", "horizontal_throw", "parabolic_throw")
NOISES = (0, 4, 8, 12)


def measure(folder: Path, clips: int, seed: int) -> list[dict[str, float]]:
    """One record per clip: true and measured gravity, predicted error, noise in grey levels."""
    records = []
    for view in ("parallel", "oblique"):
        for split in newtonbench.SPLITS:
            specs = list(
                newtonbench.clip_specs(splits=[split], primitives=PRIMITIVES, clips=clips, view=view, seed=seed)
            )
            missing = [s for s in specs if not (folder / view / split / f"{s.name}.npz").is_file()]
            newtonbench.generate(folder / view, missing)
            for spec in specs:
                stem = folder / view / split / spec.name
                truth = newtonbench.load_truth(stem)
                frames = read_clip(stem.with_suffix(".mp4")).frames
                noise = NOISES[len(records) % len(NOISES)]
                grain = noise * np.random.default_rng((seed, len(records))).standard_normal(frames.shape)
                frames = np.clip(np.rint(frames + grain), 0, 255).astype(np.uint8)
                found = newtonbench.recover_gravity(frames, truth.depth_m, truth.camera, fps=spec.fps)
                records.append(
                    {"true": spec.gravity, "gravity": found.gravity, "sigma": found.sigma, "noise": float(noise)}
                )
                error, sigma = (100 * v / spec.gravity for v in (found.gravity - spec.gravity, found.sigma))
                print(f"{view}/{split}/{spec.name}: noise {noise}, error {error:+.3f} %, predicted {sigma:.3f} %")
    return records


def summary(records: list[dict[str, float]]) -> str:
    """Errors, and how they compare with what was predicted."""
    error = np.array([(r["gravity"] - r["true"]) / r["true"] for r in records])
    z = np.array([(r["gravity"] - r["true"]) / r["sigma"] for r in records])
    size = 100 * np.abs(error)
    return (
        f"{len(records)} clips: error median {np.median(size):.3f} %, largest {size.max():.3f} %; error / predicted: "
        f"RMS {np.sqrt((z**2).mean()):.2f}, below 1 in {100 * (np.abs(z) < 1).mean():.0f} %, "
        f"below 2 in {100 * (np.abs(z) < 2).mean():.0f} %, largest {np.abs(z).max():.2f}"
    )


def draw(records: list[dict[str, float]], path: Path) -> None:
    """Absolute errors over predicted ones, and the share of clips below z predicted errors."""
    plt = load_pyplot()
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.0, 4.5), layout="constrained")
    error = np.array([100 * abs(r["gravity"] - r["true"]) / r["true"] for r in records])
    sigma = np.array([100 * r["sigma"] / r["true"] for r in records])
    noise = np.array([r["noise"] for r in records])
    for level in NOISES:
        chosen = noise == level
        left.loglog(sigma[chosen], np.maximum(error[chosen], 1e-3), "o", markersize=5, label=f"noise {level}")
    line = np.array([0.5 * sigma.min(), 2 * sigma.max()])
    for factor, style in ((1, "-"), (2, "--")):
        left.loglog(line, factor * line, style, color="black", linewidth=1, label=f"{factor} predicted")
    left.set_xlabel("predicted error of g (%)")
    left.set_ylabel("error of g (%), at least 0.001")
    left.legend(fontsize=8)
    from math import erf

    z = np.sort(error / sigma)
    right.step(z, (np.arange(len(z)) + 1) / len(z), where="post", label="clips")
    axis = np.linspace(0, 3, 100)
    right.plot(axis, [erf(v / np.sqrt(2)) for v in axis], color="black", linewidth=1, label="normal errors")
    right.set_xlabel("error / predicted error")
    right.set_ylabel("share of clips below")
    right.legend(fontsize=8)
    figure.savefig(path, dpi=100, metadata={"Software": None})
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=5, help="per primitive, split and view (5)")
    parser.add_argument("--seed", type=int, default=2024)
    parser.add_argument("--png", type=Path)
    args = parser.parse_args()
    records = measure(args.folder, args.clips, args.seed)
    print(summary(records))
    if args.png is not None:
        draw(records, args.png)


if __name__ == "__main__":
    main()

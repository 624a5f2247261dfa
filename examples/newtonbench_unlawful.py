"""Which metrics rank an unlawful clip below its lawful twin: a Markdown table over rendered clips.

MUJOCO_GL=osmesa kinetrace simulate newtonbench --out FOLDER --split id --clips 2 --variant all
python examples/newtonbench_unlawful.py FOLDER
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections import defaultdict
from pathlib import Path

import numpy as np

import kinetrace as kt
from kinetrace.benchmarks import newtonbench
from kinetrace.benchmarks.newtonbench.flow import object_flow
from kinetrace.benchmarks.newtonbench.measures import centroid_scores, mask_scores
from kinetrace.benchmarks.newtonbench.segment import empty_scene, read_colour, segment_clip
from kinetrace.benchmarks.newtonbench.truth import mask_means
from kinetrace.video.analyse import Options, analyse_file
from kinetrace.video.decode import clip_from_frames
from kinetrace.video.errors import InputError
from kinetrace.video.motion import DISFlow


def badness(stem: Path, lawful: newtonbench.Truth, scene: np.ndarray) -> dict[str, float]:
    """Every measure of one clip file, larger is less lawful; the lawful twin's truth serves those that need one."""
    frames, fps = read_colour(stem.with_name(stem.name + ".mp4"))
    masks = segment_clip(frames, scene, lawful.masks[0])
    path, dt = mask_means(masks), 1 / fps
    seen = np.isfinite(path[:, 0])
    known = np.nan_to_num(path)
    values = {}
    try:
        values["`kinetrace score`"] = 1 - analyse_file(stem.with_name(stem.name + ".mp4"), Options()).score
    except InputError:
        values["`kinetrace score`"] = 1.0
    grey = clip_from_frames(frames, fps=fps).frames
    dis = DISFlow()
    flow = np.stack([dis(a, b) for a, b in itertools.pairwise(grey)])
    weights = masks[:-1].astype(np.float32)
    for name, field in (("DIS", flow), ("aligned", object_flow(grey, masks)[0])):
        values[f"`kinematic_residual` of {name} flow"] = float(kt.kinematic_residual(field))
        for mode in ("eulerian", "advected"):
            value = kt.kinematic_residual(field, mode=mode, mask=weights)
            values[f"`kinematic_residual` of {name} flow, {mode} in the mask"] = float(value)
    values["`track_residual` of the centroid (jerk)"] = float(kt.track_residual(known[:, None], seen[:, None], dt=dt))
    fit = kt.fit_kinematics(known[None], dt=dt, visible=seen[None])
    values["`fit_kinematics` residual RMS"] = float(fit.residual_rms[0])
    values["`fit_kinematics` 1 - R2"] = 1 - float(fit.r_squared[0])
    values |= track_badness(path, masks, lawful, dt)
    scores = centroid_scores(path, lawful.mask_centroids_px, dt=dt, scale=1.0, norm="vector")
    scores |= mask_scores(masks, lawful.masks, scale=1.0)
    for name in ("l2", "rmse_v", "rmse_a", "chamfer"):
        values[f"NewtonBench {name}, against the truth"] = scores[name]
    for name in ("iou", "coverage"):
        values[f"NewtonBench {name}, against the truth"] = 1 - scores[name]
    return values


MORPHEUS = {"free_fall": "falling_ball", "ramp_down": "sliding_book", "ramp_up": "sliding_book"}
NEWTONGEN = {"free_fall": 1, "horizontal_throw": 4, "parabolic_throw": 4, "ramp_down": 6, "ramp_up": 6}


def track_badness(path: np.ndarray, masks: np.ndarray, lawful: newtonbench.Truth, dt: float) -> dict[str, float]:
    """Measures of kinetrace.metrics that need no reference; energy and momentum in free flight only."""
    primitive = lawful.info["primitive"]
    px_per_m = lawful.camera.focal_px / float(lawful.camera.depth(lawful.centroids_m[0]))
    values = {"`metrics.jerk`": kt.metrics.jerk(path, dt=dt)["rms"]}
    if not primitive.startswith("ramp"):
        fall = np.array([0.0, lawful.info["gravity"] * px_per_m])
        values["`metrics.energy_drift`"] = kt.metrics.energy_drift(path, dt=dt, gravity=fall)["max"]
        values["`metrics.momentum_drift`"] = kt.metrics.momentum_drift(path, dt=dt, gravity=fall)["max"]
    vamp = kt.metrics.vamp(path)
    values["`metrics.vamp` velocity"] = 1 - vamp["velocity"]
    values["`metrics.vamp` acceleration"] = 1 - vamp["acceleration"]
    morpheus = kt.metrics.morpheus(path, MORPHEUS.get(primitive, "projectile"))
    values["`metrics.morpheus` physical score"] = 1 - morpheus["physical_score"]
    features = kt.metrics.newtongen_features(masks, dt=dt, metres_per_pixel=1 / px_per_m)
    pis = kt.metrics.newtongen_pis(features, NEWTONGEN[primitive])
    values["`metrics.newtongen_pis`, mean"] = 1 - float(np.mean(list(pis.values())))
    return values


def table(folder: Path) -> list[str]:
    """Lines of the table: twins ranked below their lawful clip, of all twins of a variant."""
    below: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    names = sorted(p.with_suffix("") for p in folder.glob("*/*.json") if "." not in p.stem)
    for stem in names:
        truth = newtonbench.load_truth(stem)
        scene = empty_scene(read_colour(stem.with_suffix(".mp4"))[0], truth.masks)
        lawful = badness(stem, truth, scene)
        for path in sorted(stem.parent.glob(f"{stem.name}.*.json")):
            variant = json.loads(path.read_text())["variant"]
            twin = badness(path.with_suffix(""), truth, scene)
            print(stem.name, variant, {k: (round(lawful[k], 4), round(twin[k], 4)) for k in lawful}, flush=True)
            for name, value in twin.items():
                below[name][variant].append(value > lawful[name])
    lines = ["| metric | " + " | ".join(f"`{v}`" for v in newtonbench.VARIANTS) + " |"]
    lines.append("|---" * (1 + len(newtonbench.VARIANTS)) + "|")
    for name, of_variant in below.items():
        counts = [(sum(of_variant[v]), len(of_variant[v])) for v in newtonbench.VARIANTS]
        cells = [f"{seen}/{number}" if number else "-" for seen, number in counts]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    print("\n".join(table(parser.parse_args().folder)))


if __name__ == "__main__":
    main()

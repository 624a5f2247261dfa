"""Metrics of motion and physics in video: dictionaries of named scores. docs/metrics.md compares them."""

from __future__ import annotations

from kinetrace.metrics.conservation import energy_drift, momentum_drift
from kinetrace.metrics.frechet import frechet_distance
from kinetrace.metrics.fvmd import fvmd, fvmd_features, motion_histograms
from kinetrace.metrics.gravity_eval import gravity_eval
from kinetrace.metrics.invariance import invariance_score
from kinetrace.metrics.jerk import jerk
from kinetrace.metrics.morpheus import morpheus, morpheus_dynamical
from kinetrace.metrics.newtonbench import kinematic_rmse, newtonbench
from kinetrace.metrics.newtongen import newtongen_features, newtongen_pis
from kinetrace.metrics.physics_iq import physics_iq
from kinetrace.metrics.physics_iq_clip import PhysicsIQClip, physics_iq_clip, physics_iq_masks
from kinetrace.metrics.pisa import pisa, pisa_coverage, pisa_frames
from kinetrace.metrics.vamp import vamp
from kinetrace.metrics.vbench import dynamic_degree, dynamic_degree_frames
from kinetrace.metrics.vmbench import perceptible_amplitude

__all__ = [
    "PhysicsIQClip",
    "dynamic_degree",
    "dynamic_degree_frames",
    "energy_drift",
    "frechet_distance",
    "fvmd",
    "fvmd_features",
    "gravity_eval",
    "invariance_score",
    "jerk",
    "kinematic_rmse",
    "momentum_drift",
    "morpheus",
    "morpheus_dynamical",
    "motion_histograms",
    "newtonbench",
    "newtongen_features",
    "newtongen_pis",
    "perceptible_amplitude",
    "physics_iq",
    "physics_iq_clip",
    "physics_iq_masks",
    "pisa",
    "pisa_coverage",
    "pisa_frames",
    "vamp",
]

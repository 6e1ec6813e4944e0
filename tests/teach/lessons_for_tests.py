"""Small lessons, path-traced once for a run of the tests."""

import numpy as np

from engine.teach import dataset

SEEDS = (11, 9005)  # one to train on, one held out
FACES = 300
SPP = 8


def make_small_lessons(folder):
    """Targets and features of SEEDS in a folder: few faces, few samples, real light."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in SEEDS:
        targets = dataset.trace_targets(seed, FACES, SPP)
        dataset.save_targets(folder, targets)
        dataset.save_features(folder, seed, dataset.compute_features(targets))


def rough_relative_error(e, truth):
    """Root mean square error over the root mean square of the truth."""
    return float(np.sqrt(((e - truth) ** 2).mean() / (truth**2).mean()))

from dataclasses import replace

import numpy as np
import pytest

from engine.teach import dataset
from engine.teach.dataset import DatasetError
from engine.teach.scenes import scene_from_seed
from tests.teach.lessons_for_tests import FACES, SEEDS, rough_relative_error


def test_targets_are_light_on_exposed_faces(lessons_folder):
    targets = dataset.load_targets(lessons_folder, SEEDS[0])
    assert targets.e.shape == (dataset.SUNS + 2, FACES, 3)
    assert np.isfinite(targets.e).all() and targets.e[0].mean() > 0.01
    grid = scene_from_seed(SEEDS[0]).voxels
    assert (grid[tuple(targets.faces[:, :3].T)] > 0).all()
    np.testing.assert_allclose(np.linalg.norm(targets.suns, axis=1), 1, atol=1e-5)
    elevation = np.degrees(np.arcsin(targets.suns[:, 2]))
    assert 2 <= elevation[0] <= 12 and 45 <= elevation[3] <= 85


def test_the_light_engine_already_comes_near_the_teacher(lessons_folder):
    """What a face's own rays bring is e itself: units, sides, rays and sources all fit together."""
    targets = dataset.load_targets(lessons_folder, SEEDS[0])
    features = dataset.load_features(lessons_folder, SEEDS[0])
    for e in (features.moment.astype(np.float32)[:, :, 0].sum(2), features.probe.astype(np.float32)):
        assert rough_relative_error(e[0], targets.e[0]) < 0.4  # 8 samples are noisy
        assert e[0].mean() == pytest.approx(targets.e[0].mean(), rel=0.15)
        assert e[1:5].mean() == pytest.approx(targets.e[1:5].mean(), rel=0.3)


def test_features_have_the_shapes_and_bounds_that_they_say(lessons_folder):
    features = dataset.load_features(lessons_folder, SEEDS[0])
    assert features.share.shape == (FACES, 3, 4)
    assert features.moment.shape == (dataset.SUNS + 2, FACES, 3, 4, 3) and features.moment.dtype == np.float16
    assert features.probe.shape == (dataset.SUNS + 2, FACES, 3) and features.probe.dtype == np.float16
    total = features.share.sum(2)
    assert features.share.min() >= 0 and total.max() < 1 + 1e-5 and total.mean() > 0.95
    assert np.isfinite(features.moment).all() and features.moment.min() >= 0
    # Wider means of shares are smoother.
    spread = features.share.std(0).mean(1)
    assert spread[0] > spread[1] > spread[2]


def test_damaged_and_missing_lessons_are_named(lessons_folder, tmp_path):
    with pytest.raises(DatasetError, match=r"targets-00077\.npz: no usable targets"):
        dataset.load_targets(tmp_path, 77)
    with pytest.raises(DatasetError, match=r"features-00077\.npz: no usable features"):
        dataset.load_features(tmp_path, 77)
    whole = dataset.target_path(lessons_folder, SEEDS[0]).read_bytes()
    dataset.target_path(tmp_path, SEEDS[0]).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatasetError, match="no usable targets"):
        dataset.load_targets(tmp_path, SEEDS[0])
    whole = dataset.feature_path(lessons_folder, SEEDS[0]).read_bytes()
    dataset.feature_path(tmp_path, SEEDS[0]).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatasetError, match="no usable features"):
        dataset.load_features(tmp_path, SEEDS[0])


def test_features_of_an_older_light_engine_are_refused(lessons_folder, tmp_path):
    np.savez(dataset.feature_path(tmp_path, SEEDS[0]), moments=np.zeros(3), index=np.zeros(3))
    with pytest.raises(DatasetError, match="no usable features.*make features again"):
        dataset.load_features(tmp_path, SEEDS[0])


def test_targets_of_another_generator_are_refused(lessons_folder):
    targets = dataset.load_targets(lessons_folder, SEEDS[0])
    wrong = replace(targets, faces=targets.faces + np.array([0, 0, 20, 0], np.int32))
    with pytest.raises(DatasetError, match="make new targets"):
        dataset.compute_features(wrong)


def test_what_is_there_is_not_made_again(lessons_folder, monkeypatch):
    monkeypatch.setattr(dataset, "trace_targets", None)
    monkeypatch.setattr(dataset, "compute_features", None)
    dataset.make_targets(lessons_folder, SEEDS)
    dataset.make_features(lessons_folder, SEEDS)
    assert dataset.target_seeds(lessons_folder) == list(SEEDS)

import hashlib
import json

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from engine.core.errors import OutputError, WeightsError
from engine.light.network import load
from engine.teach import course, dataset
from engine.teach.dataset import DatasetError
from tests.teach.lessons_for_tests import SEEDS

COMMAND = "daguerre teach train --minutes 0.02 --seed 5"


@pytest.fixture
def trained(lessons_folder, tmp_path):
    out = tmp_path / "deep" / "out.safetensors"
    return out, course.train(lessons_folder, out, 0.02, 5, COMMAND)


def test_the_record_lies_beside_and_in_the_weights(trained):
    out, record = trained
    assert record["command"] == COMMAND and record["seed"] == 5 and record["minutes"] == 0.02
    assert record["lessons"]["spp"] == dataset.SPP and record["lessons"]["faces"] == dataset.FACES
    assert record["versions"]["numpy"] == np.__version__ and "python" in record["versions"]
    assert record["result"]["scenes"] == 1 and record["result"]["steps"] > 0 and "rmse_network" in record["result"]
    assert json.loads(out.with_suffix(".json").read_text()) == record
    with safe_open(out, "numpy") as file:
        notes = file.metadata()
        shapes = {name: list(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    assert json.loads(notes["config"]) == record and notes["command"] == COMMAND  # what train wrote is still there
    assert record["shapes"] == shapes
    assert {path.name for path in out.parent.iterdir()} == {f"out.{e}" for e in ("safetensors", "blake2b", "json")}


def test_the_engine_takes_the_stamped_weights(trained):
    out, _ = trained
    digest = hashlib.blake2b(out.read_bytes(), digest_size=16).hexdigest()
    assert out.with_suffix(".blake2b").read_text().split()[0] == digest
    load(out)
    out.write_bytes(out.read_bytes()[:-1] + b"\x00\x01")
    with pytest.raises(WeightsError):
        load(out)


def test_a_stamp_changes_no_weight(trained):
    out, record = trained
    before = load_file(out)
    course.stamp(out, {**record, "note": "again"})
    after = load_file(out)
    assert before.keys() == after.keys() and all((before[name] == after[name]).all() for name in before)
    with safe_open(out, "numpy") as file:
        assert json.loads(file.metadata()["config"])["note"] == "again"


def test_weights_that_are_none_are_not_stamped(tmp_path):
    for data in (None, b"hello"):
        path = tmp_path / "w.safetensors"
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(WeightsError, match="no usable weights"):
            course.stamp(path, {})


def test_lessons_that_are_there_are_not_made_again(tmp_path, monkeypatch, capsys):
    made = []

    def trace(seed):
        made.append(seed)
        if seed == 1 and made.count(1) == 1:
            raise KeyboardInterrupt
        return seed

    monkeypatch.setattr(dataset, "trace_targets", trace)
    monkeypatch.setattr(dataset, "load_targets", lambda folder, seed: seed)
    monkeypatch.setattr(dataset, "compute_features", lambda seed: seed)
    monkeypatch.setattr(dataset, "save_targets", lambda folder, s: dataset.target_path(folder, s).touch())
    monkeypatch.setattr(dataset, "save_features", lambda folder, s, f: dataset.feature_path(folder, s).touch())
    with pytest.raises(KeyboardInterrupt):
        course.lessons(tmp_path / "new", 2, 1)
    course.lessons(tmp_path / "new", 2, 1)
    assert made == [0, 1, 1, 9000]
    assert len(list((tmp_path / "new").glob("features-*.npz"))) == 3
    assert capsys.readouterr().out == ""  # progress is for people
    assert SEEDS[1] >= dataset.HELD_OUT_FROM > SEEDS[0]


def test_training_without_lessons_is_one_sentence(tmp_path):
    with pytest.raises(DatasetError, match="no lessons"):
        course.train(tmp_path, tmp_path / "out.safetensors", 0.01, 0, "")


def test_what_cannot_be_written_is_found_out_before_the_work(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(dataset, "trace_targets", None)
    with pytest.raises(OutputError, match="cannot write"):
        course.lessons(tmp_path / "file", 1, 0)
    with pytest.raises(OutputError, match="cannot write"):
        course.train(tmp_path, tmp_path / "file" / "out.safetensors", 0.01, 0, "")

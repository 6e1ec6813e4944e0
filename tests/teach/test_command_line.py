import pytest

from engine.teach import teacher
from engine.teach.__main__ import main
from tests.teach.lessons_for_tests import SEEDS


def test_training_without_lessons_ends_with_one_line(tmp_path, capsys):
    assert main(["train", "--folder", str(tmp_path), "--out", str(tmp_path / "out.safetensors")]) == 1
    error = capsys.readouterr().err
    assert "no lessons; make targets and features first" in error and error.count("\n") == 1


def test_training_prints_its_score(lessons_folder, tmp_path, capsys):
    out = tmp_path / "out.safetensors"
    assert main(["train", "--folder", str(lessons_folder), "--out", str(out), "--minutes", "0.02", "--seed", "5"]) == 0
    printed = capsys.readouterr().out
    assert "rmse_network" in printed and "python -m engine.teach train --minutes 0.02 --seed 5" in printed
    assert out.exists() and out.with_suffix(".blake2b").exists()


def test_lessons_are_made_for_training_and_held_out(tmp_path, monkeypatch):
    from engine.teach import dataset

    asked = []
    monkeypatch.setattr(dataset, "make_targets", lambda folder, seeds: asked.append(("targets", list(seeds))))
    monkeypatch.setattr(dataset, "make_features", lambda folder, seeds: asked.append(("features", list(seeds))))
    assert main(["lessons", "--folder", str(tmp_path), "--scenes", "2", "--held-out", "1"]) == 0
    assert asked == [("targets", [0, 1, 9000]), ("features", [0, 1, 9000])]
    assert SEEDS[1] >= dataset.HELD_OUT_FROM > SEEDS[0]


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (["/usr/lib/x/libLLVM-15.so.1", "/usr/lib/x/libLLVM-14.0.6.so.1"], None),  # too old: these abort
        (["/usr/lib/x/libLLVM-15.so.1", "/usr/lib/x/libLLVM.so.19.1"], "/usr/lib/x/libLLVM.so.19.1"),
        (["/usr/lib/x/libLLVM-16.so.1", "/usr/lib/x/libLLVM-18.so.1"], "/usr/lib/x/libLLVM-18.so.1"),
        ([], None),
    ],
)
def test_the_newest_usable_llvm_is_taken(found, wanted, monkeypatch):
    monkeypatch.delenv("DRJIT_LIBLLVM_PATH", raising=False)
    monkeypatch.setattr(teacher.glob, "glob", lambda pattern: found if pattern.startswith("/usr/lib/*/") else [])
    monkeypatch.setattr(teacher.ctypes.util, "find_library", lambda name: None)
    assert teacher.llvm_library() == wanted


def test_an_llvm_that_was_named_is_taken(monkeypatch):
    monkeypatch.setenv("DRJIT_LIBLLVM_PATH", "/opt/libLLVM.so")
    assert teacher.llvm_library() == "/opt/libLLVM.so"

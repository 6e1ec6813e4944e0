import pytest

from engine.teach import teacher


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

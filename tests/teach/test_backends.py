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


@pytest.mark.parametrize(
    ("optix", "llvm", "timed", "wanted"),
    [
        (True, "/opt/libLLVM.so", False, ["cuda_ad_rgb", "llvm_ad_rgb", "scalar_rgb"]),
        (True, "/opt/libLLVM.so", True, ["llvm_ad_rgb", "scalar_rgb"]),  # a rival's time is the processor's
        (True, None, False, ["cuda_ad_rgb", "scalar_rgb"]),
        (False, "/opt/libLLVM.so", False, ["llvm_ad_rgb", "scalar_rgb"]),
        (False, None, True, ["scalar_rgb"]),
    ],
)
def test_the_fastest_backend_comes_first(optix, llvm, timed, wanted, monkeypatch):
    monkeypatch.setattr(teacher, "optix_present", lambda: optix)
    monkeypatch.setattr(teacher, "llvm_library", lambda: llvm)
    assert teacher.variants(timed) == wanted

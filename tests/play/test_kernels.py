"""That all kernels are compiled before play."""

import subprocess
import sys

ASKED = """
from engine.play.kernels import compile_all
said = list(compile_all())
from engine.film import gloss
from engine.light import bounces, crossing, distinct, fixtures, lamps, passes, readers, reflections, rows, shadows
from engine.raster import visibility
for kernel in (
    bounces._cross, bounces._mark_readers, crossing.rays_cross, distinct._tell_apart, fixtures._fill_throw,
    gloss._differs, lamps._mended, passes.note_spots, readers._move, reflections.cross_lobes, reflections.trace_lobes,
    rows.in_reach, rows.renumber_parts, rows.waiting_of_pages, shadows.lamps_cross, shadows.mark_shadows,
    visibility._open,
):
    assert kernel.signatures, kernel
print(len(said))
"""


def test_what_opens_moves_and_goes_out_in_play_finds_its_kernels_compiled() -> None:
    """In a process of its own, where nothing else has called them."""
    done = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) >= 6

"""Sine and cosine that come out the same on every processor.

The math module asks the C library, which picks its routine by what the processor can do (glibc: with or without FMA),
and the last bits differ; here only + - * are used, which IEEE 754 defines exactly. The polynomials are those of
fdlibm's k_sin.c and k_cos.c (Sun Microsystems, 1993), within 1 ulp.
"""

from typing import Final

_QUARTERS_PER_RAD: Final = 6.36619772367581382433e-01
_QUARTER: Final = 1.57079632673412561417e00  # the first 33 bits of pi/2: times a whole number below 2^20 it is exact
_QUARTER_REST: Final = 6.07710050650619224932e-11
_SIN: Final = (
    -1.66666666666666324348e-01,
    8.33333333332248946124e-03,
    -1.98412698298579493134e-04,
    2.75573137070700676789e-06,
    -2.50507602534068634195e-08,
    1.58969099521155010221e-10,
)
_COS: Final = (
    4.16666666666666019037e-02,
    -1.38888888888741095749e-03,
    2.48015872894767294178e-05,
    -2.75573143513906633035e-07,
    2.08757232129817482790e-09,
    -1.13596475577881948265e-11,
)


def sine_cosine(angle: float) -> tuple[float, float]:
    """Sine and cosine of an angle in radians, |angle| up to 1.6 million (2^20 quarter turns)."""
    quarter = round(angle * _QUARTERS_PER_RAD)
    x = (angle - quarter * _QUARTER) - quarter * _QUARTER_REST  # within a quarter of pi, a little more
    z = x * x
    s1, s2, s3, s4, s5, s6 = _SIN
    c1, c2, c3, c4, c5, c6 = _COS
    sine = x + x * z * (s1 + z * (s2 + z * (s3 + z * (s4 + z * (s5 + z * s6)))))
    cosine = 1.0 - (0.5 * z - z * z * (c1 + z * (c2 + z * (c3 + z * (c4 + z * (c5 + z * c6))))))
    turns = quarter & 3
    if turns == 0:
        return sine, cosine
    if turns == 1:
        return cosine, -sine
    if turns == 2:
        return -sine, -cosine
    return -cosine, sine

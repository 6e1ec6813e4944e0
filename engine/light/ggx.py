"""The specular lobe: GGX with separable Smith shadowing and Schlick's Fresnel term.

Walter et al., "Microfacet Models for Refraction through Rough Surfaces", EGSR 2007; alpha is roughness squared. A
surface of base colour c and metalness m mixes a varnish (F0 0.04, over the colour) with bare metal (F0 c):

    F0 = 0.04 (1 - m) + c m            lobe = D G F / (4 nl nv)
    diffuse = c (1 - m) (1 - Ev)       Ev: what the varnish reflects towards the eye under uniform light

so that white varnish keeps all light. Light that bounces more than once between facets is lost, as it is in the
teacher's models. Cosines are against the normal (nl, nv) or the half vector (vh).
"""

import functools
import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.light.compiled import leaf
from engine.state.blueprint import Materials

VARNISH_F0 = 0.04  # reflectance of an index of refraction of 1.5 seen straight on
SMOOTHEST = 0.05
TABLE = 32  # edge of the table of lobe sums
TABLE_SAMPLES = 1024


@leaf
def distribution(nh, alpha):
    """D: density of facets whose normal has cosine `nh`, per steradian."""
    a2 = alpha * alpha
    d = nh * nh * (a2 - 1.0) + 1.0
    return a2 / (math.pi * d * d)


@leaf
def shadowing(cosine, alpha):
    """G1: part of the facets that a direction of this cosine sees (Smith)."""
    a2 = alpha * alpha
    return 2.0 * cosine / (cosine + math.sqrt(a2 + (1.0 - a2) * cosine * cosine))


@leaf
def schlick(vh):
    """How far Fresnel reflection is from F0 towards 1."""
    x = 1.0 - min(max(vh, 0.0), 1.0)
    return x * x * x * x * x


@leaf
def visible_facet(nv, alpha, u1, u2):
    """A facet normal (x, y, z) drawn from those that an eye in the xz plane sees, z along the normal.

    Heitz, "Sampling the GGX Distribution of Visible Normals", JCGT 2018. u1, u2 in 0..1.
    """
    x, z = alpha * math.sqrt(max(1.0 - nv * nv, 0.0)), nv
    length = math.sqrt(x * x + z * z)
    x, z = x / length, z / length
    r, phi = math.sqrt(u1), 2.0 * math.pi * u2
    t1, t2 = r * math.cos(phi), r * math.sin(phi)
    s = 0.5 * (1.0 + z)
    t2 = (1.0 - s) * math.sqrt(max(1.0 - t1 * t1, 0.0)) + s * t2
    up = math.sqrt(max(1.0 - t1 * t1 - t2 * t2, 0.0))
    hx, hy, hz = alpha * (up * x - t2 * z), alpha * t1, max(up * z + t2 * x, 1e-6)
    length = math.sqrt(hx * hx + hy * hy + hz * hz)
    return hx / length, hy / length, hz / length


@njit(cache=True)
def _lobe_sums(table):
    for i in range(len(table)):
        roughness = SMOOTHEST + (1.0 - SMOOTHEST) * i / (len(table) - 1)
        alpha = roughness * roughness
        for j in range(table.shape[1]):
            nv = max((j / (table.shape[1] - 1)) ** 2, 1e-4)
            a, b = 0.0, 0.0
            for k in range(TABLE_SAMPLES):
                hx, _, hz = visible_facet(nv, alpha, (k + 0.5) / TABLE_SAMPLES, k * 0.6180339887498949 % 1.0)
                vh = hx * math.sqrt(1.0 - nv * nv) + hz * nv
                nl = 2.0 * vh * hz - nv
                if nl > 0.0:
                    seen, f = shadowing(nl, alpha), schlick(vh)
                    a += seen * (1.0 - f)
                    b += seen * f
            table[i, j, 0], table[i, j, 1] = a / TABLE_SAMPLES, b / TABLE_SAMPLES


@functools.cache
def lobe_table() -> NDArray[np.float32]:
    """[32, 32, 2] by roughness and square root of nv: uniform light of 1 gives F0 * a + b (Karis, SIGGRAPH 2013)."""
    table = np.zeros((TABLE, TABLE, 2), np.float32)
    _lobe_sums(table)
    table.setflags(write=False)
    return table


@leaf
def lobe_sum(table, nv, roughness):
    """(a, b) of `lobe_table`, interpolated."""
    y = min(max((roughness - SMOOTHEST) / (1.0 - SMOOTHEST), 0.0), 1.0) * (TABLE - 1)
    x = math.sqrt(min(max(nv, 0.0), 1.0)) * (TABLE - 1)
    i, j = min(int(y), TABLE - 2), min(int(x), TABLE - 2)
    fy, fx = y - i, x - j
    a = (1.0 - fy) * ((1.0 - fx) * table[i, j, 0] + fx * table[i, j + 1, 0])
    a += fy * ((1.0 - fx) * table[i + 1, j, 0] + fx * table[i + 1, j + 1, 0])
    b = (1.0 - fy) * ((1.0 - fx) * table[i, j, 1] + fx * table[i, j + 1, 1])
    b += fy * ((1.0 - fx) * table[i + 1, j, 1] + fx * table[i + 1, j + 1, 1])
    return a, b


@functools.cache
def _mean_lobe_sums(roughness: float) -> tuple[float, float]:
    """(a, b) of `lobe_table` for light from everywhere that leaves to everywhere, by the cosine law."""
    cosine = (np.arange(64) + 0.5) / 64
    a, b = np.mean([[x * nv for x in lobe_sum(lobe_table(), nv, roughness)] for nv in cosine], 0)
    return 2.0 * float(a), 2.0 * float(b)


def bounced_albedo(materials: Materials) -> NDArray[np.float32]:
    """[M, 3] the part of light from everywhere that leaves a material again, lobe and all: what bounces, as if it went
    everywhere. Of dark varnished wood a third of that is the varnish's.
    """
    albedo = materials.albedo.copy()
    for m in np.flatnonzero(materials.glossy):
        colour, metal = materials.albedo[m], materials.metal[m]
        a, b = _mean_lobe_sums(float(materials.roughness[m]))
        f0 = VARNISH_F0 * (1.0 - metal) + metal * colour
        albedo[m] = f0 * a + b + colour * (1.0 - metal) * (1.0 - VARNISH_F0 * a - b)
    return albedo

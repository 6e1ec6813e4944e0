"""The reflectance of engine/light/ggx.py as a Mitsuba plug-in: "polish", with colour, roughness and metal.

Mitsuba's own plastics lose light as they grow rough and take no colour by triangle. The diffuse part is coupled to
the lobe so that white varnish keeps all light from wherever it comes (Kelemen and Szirmay-Kalos, "A Microfacet Based
Coupled Specular-Matte BRDF Model", Eurographics 2001). Import it after Mitsuba's variant is set.
"""

from typing import Any

import drjit as dr
import mitsuba as mi
import numpy as np

from engine.light.ggx import VARNISH_F0, lobe_sum, lobe_table

LOBE_SHARE = 0.4  # of samples that follow the lobe of a varnish
DEGREE = 7  # of the polynomial for what the varnish reflects, in 1 - cosine: within 0.01


class Polish(mi.BSDF):
    """A varnish over a colour mixed with bare metal of that colour."""

    def __init__(self, properties: Any) -> None:
        mi.BSDF.__init__(self, properties)
        self.colour = properties["colour"]
        self.metal, roughness = float(properties["metal"]), float(properties["roughness"])
        self.facets = mi.MicrofacetDistribution(mi.MicrofacetType.GGX, roughness**2, True)
        self.lobe_share = self.metal + (1.0 - self.metal) * LOBE_SHARE
        cosine = (np.arange(64) + 0.5) / 64
        sums = np.array([lobe_sum(lobe_table(), c, roughness) for c in cosine])
        reflected = VARNISH_F0 * sums[:, 0] + sums[:, 1]
        self.kept_mean = float(1.0 - 2.0 * (reflected * cosine).mean())
        self.reflected = [float(p) for p in np.polyfit(1.0 - cosine, reflected, DEGREE)]
        kind = mi.BSDFFlags.GlossyReflection | mi.BSDFFlags.DiffuseReflection | mi.BSDFFlags.FrontSide
        self.m_components, self.m_flags = [kind], kind

    def kept(self, cosine: Any) -> Any:
        """What the varnish lets through for a direction."""
        out = self.reflected[0]
        for factor in self.reflected[1:]:
            out = out * (1.0 - cosine) + factor
        return 1.0 - out

    def sample(self, context: Any, si: Any, pick: Any, where: Any, active: Any = True) -> Any:
        """Draw a direction: by the lobe's visible facets, or by the cosine."""
        facet, _ = self.facets.sample(si.wi, where)
        follows = pick < self.lobe_share
        mirrored = 2.0 * dr.dot(si.wi, facet) * mi.Vector3f(facet) - si.wi
        out: Any = mi.BSDFSample3f()
        out.wo = dr.select(follows, mirrored, mi.warp.square_to_cosine_hemisphere(where))
        out.eta, out.sampled_component = 1.0, 0
        out.sampled_type = int(self.m_flags)
        value, out.pdf = self.eval_pdf(context, si, out.wo, active)
        return out, dr.select(out.pdf > 0.0, value / dr.maximum(out.pdf, 1e-20), 0.0)

    def eval_pdf(self, context: Any, si: Any, wo: Any, active: Any = True) -> Any:
        """Reflectance times cosine, and the density of `sample`."""
        nv, nl = mi.Frame3f.cos_theta(si.wi), mi.Frame3f.cos_theta(wo)
        active = active & (nv > 0.0) & (nl > 0.0)
        half = dr.normalize(si.wi + wo)
        colour = self.colour.eval(si, active)
        f0 = VARNISH_F0 * (1.0 - self.metal) + self.metal * colour
        x = 1.0 - dr.clip(dr.dot(si.wi, half), 0.0, 1.0)
        fresnel = f0 + (1.0 - f0) * (x * x * x * x * x)
        lobe = self.facets.eval(half) * self.facets.G(si.wi, wo, half) / (4.0 * dr.maximum(nv, 1e-6))
        coupled = self.kept(nv) * self.kept(nl) / self.kept_mean * (1.0 - self.metal)
        value = fresnel * lobe + colour * (coupled * nl * dr.inv_pi)
        density = self.facets.pdf(si.wi, half) / dr.maximum(4.0 * dr.dot(wo, half), 1e-6)
        density = self.lobe_share * density + (1.0 - self.lobe_share) * nl * dr.inv_pi
        return dr.select(active, value, 0.0), dr.select(active, density, 0.0)

    def eval(self, context: Any, si: Any, wo: Any, active: Any = True) -> Any:
        """Reflectance times cosine."""
        return self.eval_pdf(context, si, wo, active)[0]

    def pdf(self, context: Any, si: Any, wo: Any, active: Any = True) -> Any:
        """The density of `sample`."""
        return self.eval_pdf(context, si, wo, active)[1]

    def traverse(self, callback: Any) -> None:
        """Nothing of it changes once made."""

    def to_string(self) -> str:
        """What it is."""
        return f"Polish[metal={self.metal}]"


mi.register_bsdf("polish", Polish)

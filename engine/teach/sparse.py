"""A path tracer with fewer samples than pixels: it traces a small picture, and its light is spread over the large one.

Only light is spread. What is known at every pixel without tracing (albedo, emission, normal, distance) comes from the
large picture's own surface pass: the joint bilateral upsampling of Kopf et al., SIGGRAPH 2007, with the weights of
bilinear interpolation times how alike two surfaces are.
"""

from dataclasses import replace

import numpy as np

from engine.teach.teacher import Picture

DARKEST = 1e-3  # albedo that light is divided by at least
SAME_NORMAL = 8  # power of the cosine between two normals
SAME_PLANE = 0.05  # of the distance: so much nearer or farther is 1/e as alike
ANYTHING = 1e-6  # weight of what is not alike at all, where nothing else is there


def enlarged(few: Picture, surface: Picture) -> Picture:
    """The light of a small picture [h, w] on the surfaces of a large one [H, W] of the same view.

    Samples that met the sky say nothing of surfaces. Times are those of the small picture.
    """
    height, width = surface.distance.shape
    rows, columns = few.distance.shape
    light = (few.radiance - few.emission) / np.maximum(few.albedo, DARKEST)
    y, x = (np.arange(height) + 0.5) * rows / height - 0.5, (np.arange(width) + 0.5) * columns / width - 0.5
    y0, x0 = np.floor(y).astype(np.int64), np.floor(x).astype(np.int64)
    far = np.where(np.isfinite(surface.distance), surface.distance, 1e6)
    total, weights = np.zeros((height, width, 3)), np.zeros((height, width, 1))
    for down in (0, 1):
        for right in (0, 1):
            row, column = np.clip(y0 + down, 0, rows - 1)[:, None], np.clip(x0 + right, 0, columns - 1)[None, :]
            at_y, at_x = np.abs(1 - down - (y - y0)), np.abs(1 - right - (x - x0))
            other = few.distance[row, column]
            cosine = np.maximum((surface.normal * few.normal[row, column]).sum(-1), 0.0)
            apart = np.abs(far - np.where(np.isfinite(other), other, 0.0)) / (SAME_PLANE * far)
            alike = cosine**SAME_NORMAL * np.exp(-apart) + ANYTHING
            weight = (at_y[:, None] * at_x[None, :] * alike * np.isfinite(other))[..., None]
            total, weights = total + weight * light[row, column], weights + weight
    spread = total / np.maximum(weights, 1e-30) * surface.albedo + surface.emission
    return replace(surface, radiance=spread.astype(np.float32), trace_s=few.trace_s, denoise_s=few.denoise_s)

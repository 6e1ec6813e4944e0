// An exact ray to the sun through the voxels: Amanatides and Woo, "A Fast Voxel Traversal Algorithm for Ray Tracing", 1987.
uniform usampler3D occupancy;      // engine/raster/occupancy.py: 4 x 4 x 2 voxels a texel
uniform ivec3 grid_size;           // voxels
uniform int grid_top;              // no voxel at this height or above is solid

float open_to_sun(vec3 place) {
    vec3 start = place / VOXEL_M;
    ivec3 at = ivec3(floor(start));
    vec3 way = max(abs(sun_direction), vec3(1e-6));
    ivec3 stride = ivec3(sign(sun_direction));
    vec3 inside = start - vec3(at);
    vec3 next = mix(inside, 1.0 - inside, greaterThan(sun_direction, vec3(0.0))) / way;
    vec3 each = 1.0 / way;
    for (int i = 0; i < 4096; i++) {
        if (next.x < next.y && next.x < next.z) {
            at.x += stride.x;
            next.x += each.x;
        } else if (next.y < next.z) {
            at.y += stride.y;
            next.y += each.y;
        } else {
            at.z += stride.z;
            next.z += each.z;
        }
        if (at.z >= grid_top || any(lessThan(at, ivec3(0))) || any(greaterThanEqual(at, grid_size))) return 1.0;
        uint bits = texelFetch(occupancy, ivec3(at.x >> 2, at.y >> 2, at.z >> 1), 0).r;
        if ((bits >> uint(at.x & 3 | (at.y & 3) << 2 | (at.z & 1) << 4) & 1u) != 0u) return 0.0;
    }
    return 1.0;
}

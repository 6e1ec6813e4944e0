// The sky, as engine/view.py: sky_radiance has it; then what only a camera sees: the sun's disc, the stars and the haze
// in which the plain around the world meets the sky.
uniform vec3 sun_direction;  // unit, towards the sun
uniform vec3 sun;            // e of a white surface that faces the sun
uniform vec3 sky_zenith;     // radiance
uniform vec3 sky_horizon;
uniform vec3 sky_glow;
uniform vec3 sky_ground;
uniform float stars;         // radiance of the brightest star
uniform float disc;          // 1 where the sun's disc is drawn
uniform float ground_haze;   // of the plain around the world: haze per metre times the eye's height, 0 none

vec3 sky_radiance(vec3 d) {
    float height = clamp(d.z, 0.0, 1.0);
    vec3 colour = mix(sky_horizon, sky_zenith, sqrt(height));
    float towards = clamp(dot(d, sun_direction), 0.0, 1.0);
    float t2 = towards * towards, t4 = t2 * t2;
    colour += sky_glow * (t4 * t4 * (1.0 - height));
    return d.z < 0.0 ? sky_ground : colour;
}

vec3 sky_at_horizon(vec3 d) {  // where d.z is 0
    float towards = clamp(dot(d, sun_direction), 0.0, 1.0);
    float t2 = towards * towards, t4 = t2 * t2;
    return sky_horizon + sky_glow * (t4 * t4);
}

float star_field(vec3 d) {
    vec3 p = d * 160.0;
    ivec3 cell = ivec3(floor(p));
    uint h = uint(cell.x) * 0x9E3779B1u ^ uint(cell.y) * 0x85EBCA77u ^ uint(cell.z) * 0xC2B2AE3Du;
    h = (h ^ h >> 15u) * 0x2C1B3C6Du;
    h ^= h >> 13u;
    if ((h & 127u) != 0u) return 0.0;  // a star in one cell of 128
    vec3 centre = vec3(cell) + 0.3 + 0.4 * vec3(h >> 8u & 255u, h >> 16u & 255u, h >> 24u) / 255.0;
    vec3 off = p - centre;
    float bright = float(h >> 20u & 15u) / 15.0;
    return (0.15 + 0.85 * bright * bright) * clamp(1.0 - 3.0 * dot(off, off), 0.0, 1.0) * clamp(d.z * 5.0, 0.0, 1.0);
}

vec3 camera_sky(vec3 d) {
    vec3 colour = sky_radiance(d);
    if (d.z < 0.0) {
        vec3 flat_ray = normalize(vec3(d.xy, 0.0) + vec3(1e-9, 0.0, 0.0));
        colour = mix(sky_at_horizon(flat_ray), colour, exp(ground_haze / d.z));
    }
#ifdef STARS
    colour += vec3(0.9, 0.95, 1.0) * (stars * star_field(d));
#endif
    float off = 1.0 - dot(d, sun_direction);  // 1 - cos: the disc has a radius of 0.6 degrees and a soft rim
    return colour + sun * (disc * 40.0 * (1.0 - smoothstep(3.0e-5, 8.0e-5, off)) * step(-0.01, d.z));
}

// Light on the G-buffer, then the lens: fog, exposure, tone curve. Compiled for PAGES or the raster look, LINEAR or tone-mapped,
// and for SKY or SURFACES alone: software rasterisers work through both sides of every branch. For the same reason there is a SURE one,
// which leaves out pixels of which the sun's maps are not sure; it is followed by the whole one, which the depth test keeps to the
// blocks of pixels that were left out.
#include "sky.glsl"
uniform usampler2D surface_map;   // the G-buffer: engine/raster/gbuffer.py has the table
uniform sampler2D materials;       // row 1: emission; row 2: roughness, metal
uniform sampler2D sun_map;         // depth of static casters
uniform sampler2D body_map;        // depth of bodies
uniform sampler2D body_cells;      // where the body map holds anything, in cells of MAP_CELL texels
uniform mat4 shadow_from_world;    // to texels of the map and depth 0..1
uniform float shadow_offset;       // metres along the normal
uniform float shadow_slope;        // depth that a surface at 45 degrees to the sun gains over the texels asked
uniform vec3 eye;
uniform vec3 ray_corner, ray_x, ray_y;  // the ray through a pixel has depth 1 per unit
uniform float exposure;
uniform float fog_density;
uniform vec3 ambient_up, ambient_down;  // e of a face that looks up or down, where no better light is known
#ifdef FAR
uniform float far_ambient;        // times as much on the far field, which lies under the open sky
#endif
out vec4 out_colour;

#ifdef GLOSSY
uniform sampler2D reflection_map;  // radiance of the specular lobe but for the sun's, part of diffuse light that is left
const float VARNISH_F0 = 0.04;

float shadowing(float cosine, float a2) { return 2.0 * cosine / (cosine + sqrt(a2 + (1.0 - a2) * cosine * cosine)); }

// Lobe times cosine times pi, for light / pi: engine/light/ggx.py has the model. The sun's disc widens the sharpest lobes.
vec3 sun_highlight(vec3 normal, vec3 to_eye, vec3 albedo, vec2 polish) {
    float alpha = max(polish.x * polish.x, 0.01), a2 = alpha * alpha;
    float nl = max(dot(normal, sun_direction), 0.0), nv = max(dot(normal, to_eye), 0.01);
    vec3 half_way = normalize(sun_direction + to_eye);
    float nh = clamp(dot(normal, half_way), 0.0, 1.0), d = nh * nh * (a2 - 1.0) + 1.0;
    vec3 f0 = mix(vec3(VARNISH_F0), albedo, polish.y);
    vec3 fresnel = f0 + (1.0 - f0) * pow(1.0 - clamp(dot(half_way, to_eye), 0.0, 1.0), 5.0);
    return fresnel * (a2 / (d * d) * shadowing(nl, a2) * shadowing(nv, a2) / (4.0 * nv));
}
#endif

#ifdef PAGES
uniform usampler2D slot_map;      // 0: not resident, else 1 + (band << 9 | slot in the band << 3 | parity of the brick)
uniform sampler2D atlas;
uniform vec2 atlas_scale;         // 1 / atlas size

vec3 page_light(uint entry, vec3 place, int axis, vec3 fallback) {
    if (entry == 0u) return fallback;
    entry -= 1u;
    // The place inside its brick, 0..8 voxels, certain even where rounding puts the place across the brick's border
    vec3 parity = vec3(entry & 1u, entry >> 1u & 1u, entry >> 2u & 1u);
    vec3 local = place / VOXEL_M - 8.0 * parity;
    local -= 16.0 * floor(local / 16.0 + 0.25);
    vec2 at = clamp(axis == 0 ? local.yz : axis == 1 ? local.zx : local.xy, 0.0, 8.0);
    at = floor(at * 256.0 + 0.5) / 256.0;  // exact wherever the page lies: see Atlas in resolve.py
    vec2 page = vec2(entry >> 3u & 63u, entry >> 9u);
    vec4 light = textureLod(atlas, (page * 18.0 + 1.0 + 2.0 * at) * atlas_scale, 0.0);
    return max(light.rgb / max(light.a, 1e-3), 0.0);  // past the last texel before a corner light goes on as it came, and may fall below
}
#elif LAMPS > 0
uniform vec4 lamp_place[LAMPS];   // metres, world; 1 / squared reach
uniform vec4 lamp_power[LAMPS];   // radiance times projected area over pi; squared size
#endif

vec3 unpack_normal(uint p) {
    vec2 f = vec2(int(p << 16u) >> 16, int(p) >> 16) / 32767.0;
    vec3 n = vec3(f, 1.0 - abs(f.x) - abs(f.y));
    float t = max(-n.z, 0.0);
    n.xy += vec2(n.x >= 0.0 ? -t : t, n.y >= 0.0 ? -t : t);
    return normalize(n);
}

vec3 unpack_light(uint p) {
    return vec3(p & 511u, p >> 9u & 511u, p >> 18u & 511u) * exp2(float(p >> 27u & 15u) - 17.0);
}

const float MARGIN = 6.0;  // texels at the map's border: so far a surface is lifted, and looked about

float open_at(sampler2D map, ivec2 texel, float depth) {
    return depth <= texelFetch(map, texel, 0).r ? 1.0 : 0.0;
}

#if defined(EXACT_SUN) && !defined(SURE)
#include "sunray.glsl"
const float RAY_LIFT = 2.5e-4;  // metres: 1e-3 of a voxel, a low sun's shadows move by a few times that
#endif

float lit(sampler2D map, vec3 p) {  // a 3 x 3 tent; where its corners agree, and most do, they speak for all
    vec2 f = fract(p.xy);
    ivec2 at = ivec2(p.xy);
    float a = open_at(map, at + ivec2(-1, -1), p.z), b = open_at(map, at + ivec2(1, -1), p.z);
    float c = open_at(map, at + ivec2(-1, 1), p.z), d = open_at(map, at + ivec2(1, 1), p.z);
    float corners = a + b + c + d;
#ifdef SURE
    if (corners > 0.0 && corners < 4.0) discard;
    return 0.25 * corners;
#else
    if (corners == 0.0 || corners == 4.0) return 0.25 * corners;
    vec2 g = 1.0 - f;
    float edges = g.y * open_at(map, at + ivec2(0, -1), p.z) + f.y * open_at(map, at + ivec2(0, 1), p.z) +
                  g.x * open_at(map, at + ivec2(-1, 0), p.z) + f.x * open_at(map, at + ivec2(1, 0), p.z);
    float tent = g.y * (g.x * a + f.x * b) + f.y * (g.x * c + f.x * d) + edges + open_at(map, at, p.z);
    return 0.25 * tent;
#endif
}

#ifdef EXACT_SUN
// Of the map's texels at p, where p was before it was lifted off the surface, and around both: 0 if none sees the sun, 1 if all,
// between if they disagree or what hides it lies less than `least` of depth before p: that may be the surface itself.
float agreement(vec3 p, vec2 lift, float least) {
    ivec2 low = ivec2(min(p.xy, p.xy - lift)) - 1, high = ivec2(max(p.xy, p.xy - lift)) + 1;
    vec3 some = vec3(texelFetch(sun_map, low, 0).r, texelFetch(sun_map, high, 0).r, texelFetch(sun_map, ivec2(p.xy), 0).r);
    vec3 rest = vec3(texelFetch(sun_map, ivec2(high.x, low.y), 0).r, texelFetch(sun_map, ivec2(low.x, high.y), 0).r,
                     texelFetch(sun_map, ivec2(p.xy - lift), 0).r);
    if (all(lessThanEqual(vec3(p.z), min(some, rest)))) return 1.0;
    return all(lessThan(max(some, rest), vec3(p.z - least))) ? 0.0 : 0.5;
}
#endif

float sunlit(vec3 place, vec3 normal, bool on_body) {  // how much of the sun arrives there
    float amount = 1.0;
    vec3 p = (shadow_from_world * vec4(place + shadow_offset * normal, 1.0)).xyz;
    if (all(greaterThan(p.xy, vec2(MARGIN))) && all(lessThan(p.xy, vec2(MAP_PX - MARGIN)))) {
#ifdef BODIES_CAST
        // Voxels are not in the map of bodies, so they cannot shade themselves there: shadows begin where bodies touch them
        vec3 q = on_body ? p : (shadow_from_world * vec4(place + 2e-3 * normal, 1.0)).xyz;
        if (texelFetch(body_cells, ivec2(q.xy) / MAP_CELL, 0).r > 0.0) amount *= lit(body_map, q);
#endif
#ifdef EXACT_SUN
        float facing = max(dot(normal, sun_direction), 1e-3);
        float least = shadow_slope * sqrt(1.0 - min(facing * facing, 1.0)) / facing;
        float of_map = agreement(p, (mat3(shadow_from_world) * (shadow_offset * normal)).xy, least);
#endif
#if defined(EXACT_SUN) && defined(SURE)
        if (of_map > 0.0 && of_map < 1.0) discard;
        amount *= of_map;
    } else {
        discard;
    }
#elif defined(EXACT_SUN)
        amount *= of_map > 0.0 && of_map < 1.0 ? open_to_sun(place + RAY_LIFT * normal) : of_map;
    } else {
        amount *= open_to_sun(place + RAY_LIFT * normal);
    }
#else
        amount *= lit(sun_map, p);
    }
#endif
    return amount;
}

vec3 srgb(vec3 c) {
    return mix(1.055 * pow(c, vec3(1.0 / 2.4)) - 0.055, 12.92 * c, lessThan(c, vec3(0.0031308)));
}

void main() {
    ivec2 pixel = ivec2(gl_FragCoord.xy);
    vec3 ray = ray_corner + gl_FragCoord.x * ray_x + gl_FragCoord.y * ray_y;
    uvec4 surface = texelFetch(surface_map, pixel, 0);
    vec3 radiance = vec3(0.0);
#ifdef SKY
#if defined(FAR) && defined(FOG)
    vec3 free_ray = vec3(ray.xy, max(ray.z, 0.0));  // below the horizon a land without end is lost in fog
#else
    vec3 free_ray = ray;
#endif
    if (surface.x == 0u) radiance = camera_sky(normalize(free_ray));
#ifndef SURFACES
    if (surface.x != 0u) discard;
#endif
#endif
#ifdef SURFACES
    if (surface.x != 0u) {
        float depth = uintBitsToFloat(surface.x & 0x7fffffffu);
        vec3 place = eye + depth * ray;
        vec3 normal = unpack_normal(surface.y);
        vec3 coded = vec3(surface.w & 255u, surface.w >> 8u & 255u, surface.w >> 16u & 255u) * (1.0 / 255.0);
        vec3 albedo = coded * coded;
        int material = int(surface.w >> 24u);
        bool emits = surface.x >> 31u != 0u;
        vec3 emission = vec3(0.0);
        bool on_body = surface.z >= 0x80000000u;
        vec3 light = mix(ambient_down, ambient_up, 0.5 + 0.5 * normal.z);
#ifdef FAR
        bool is_far = surface.z == 0xffffffffu;
        on_body = on_body && !is_far;
        if (is_far) light *= far_ambient;
#else
        const bool is_far = false;
#endif
#ifdef PAGES
        if (!on_body) {
            vec3 size = abs(normal);
            int axis = size.x > 0.5 ? 0 : size.y > 0.5 ? 1 : 2;
            light = page_light(texelFetch(slot_map, pixel, 0).r, place, axis, light);
        }
#elif LAMPS > 0
        for (int i = 0; i < LAMPS; i++) {
            vec3 to = lamp_place[i].xyz - place;
            float d2 = dot(to, to);
            float facing = max(dot(normal, to), 0.0) * inversesqrt(d2);
            float window = max(1.0 - d2 * lamp_place[i].w, 0.0);
            light += lamp_power[i].rgb * (facing * window * window / (d2 + lamp_power[i].w));
        }
#endif
        if (on_body) {
            vec3 own = unpack_light(surface.z);
#ifdef PAGES
            light = own;
#endif
            if (emits) {  // what leaves it is given, with its reflected light but the sun's
                emission = own;
                light = vec3(0.0);
            }
        } else if (emits) {
            emission = texelFetch(materials, ivec2(material, 1), 0).rgb;
        }
#ifdef SUN
        float facing_sun = max(dot(normal, sun_direction), 0.0);
        float open = is_far ? 1.0 : facing_sun > 0.0 ? sunlit(place, normal, on_body) : 0.0;
        light += sun * (facing_sun * open);
#endif
        radiance = albedo * light + emission;
#ifdef GLOSSY
        vec2 polish = texelFetch(materials, ivec2(material, 2), 0).rg;
        if (polish.x < 1.0) {
            vec4 reflected = texelFetch(reflection_map, pixel, 0);
            radiance = albedo * light * reflected.a + reflected.rgb;
#ifdef SUN
            if (facing_sun > 0.0) radiance += sun * open * sun_highlight(normal, -normalize(ray), albedo, polish);
#endif
        }
#endif
#ifdef FOG
        vec3 flat_ray = normalize(vec3(ray.xy, 0.0) + vec3(1e-9, 0.0, 0.0));
        radiance = mix(sky_at_horizon(flat_ray), radiance, exp(-fog_density * depth * length(ray)));
#endif
    }
#endif
#ifdef LINEAR
    out_colour = vec4(radiance, 1.0);
#else
    vec3 colour = srgb(1.0 - exp(-exposure * radiance));
    out_colour = vec4(colour, dot(colour, vec3(0.299, 0.587, 0.114)));
#endif
}

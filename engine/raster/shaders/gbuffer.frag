// One pixel of the G-buffer; engine/raster/gbuffer.py has the table of channels. Compiled for voxels, for BODIES, and for bodies with SKINS;
// WHOLE with those channels that no picture needs.
#ifdef WHOLE
uniform mat4 previous_clip_from_world;
uniform vec2 size_px;
layout(location = 1) out uvec2 out_more;  // entity + 1, motion
#endif
uniform float pixel_m;             // width of a pixel at one metre of depth, metres
uniform sampler2D patterns;         // factor / 2 on the albedo; engine/raster/patterns.py has the layout
uniform vec2 patterns_scale;       // 1 / size
#ifdef BODIES
#include "octahedral.glsl"
#ifdef WHOLE
in vec3 v_previous;
#endif
in vec3 v_normal;
in vec3 v_light;
flat in uint v_entity;
flat in uint v_material;
#ifdef SKINS
in vec2 v_uv;
in vec3 v_tint;
uniform sampler2D picture;         // a factor on the tint, and where there is any surface
uniform sampler2D glow_picture;    // a factor on the material's emission
uniform int glows;                 // whether that counts
#endif
#else
in vec3 v_world;
flat in uvec2 v_face;
flat in vec4 v_look;
flat in vec2 v_cut;
uniform vec3 eye;
uniform vec3 corner;               // metres, world: where the window lies, so that patterns stay where they are when it moves
#endif
#ifdef BODIES
uniform sampler2D materials;       // row 0: albedo, pattern + 16 where it emits; row 1: emission
#endif
layout(location = 0) out uvec4 out_surface;  // depth and emits << 31, normal, light, albedo and material << 24

uint pack_light(vec3 e) {  // three mantissas of 9 bits, one exponent of 4: up to 128, in steps of at most 1/512 of the largest
    e = clamp(e, 0.0, 127.0);
    float largest = max(max(e.r, e.g), max(e.b, 1.0 / 65536.0));
    float exponent = clamp(floor(log2(largest)) + 1.0, -8.0, 7.0);
    uvec3 m = min(uvec3(e * exp2(9.0 - exponent) + 0.5), uvec3(511u));
    return m.r | m.g << 9u | m.b << 18u | uint(exponent + 8.0) << 27u;
}

void main() {
    float depth = 1.0 / gl_FragCoord.w;
#ifdef BODIES
    uint material_index = v_material;
    vec4 material = texelFetch(materials, ivec2(int(material_index), 0), 0);
#else
    uint material_index = v_face.y >> 8u;
    vec4 material = v_look;
#endif
    vec3 albedo = material.rgb;
    uint emits = material.a >= 16.0 ? 1u : 0u;
#ifdef BODIES
    uint normal = pack_snorm(octahedral(normalize(v_normal)));
    vec3 light = v_light;
#ifdef SKINS
    vec4 texel = texture(picture, v_uv), shine = texture(glow_picture, v_uv);
    if (texel.a < 0.5) discard;
    albedo = v_tint * texel.rgb;
    if (glows != 0) {
        vec3 emission = texelFetch(materials, ivec2(int(material_index), 1), 0).rgb * shine.rgb;
        emits = max(emission.r, max(emission.g, emission.b)) > 1e-3 ? 1u : 0u;
        if (emits != 0u) light = emission + clamp(albedo, 0.0, 1.0) * v_light;
    }
#endif
    uint packed_light = 0x80000000u | pack_light(light);
#else
    int axis = int(v_face.y >> 1u & 3u);
    bool negative = (v_face.y & 1u) != 0u;  // octahedral normals of the six sides
    uint normal = axis == 0 ? (negative ? 0x8001u : 0x7fffu) : axis == 1 ? (negative ? 0x80010000u : 0x7fff0000u)
                                                            : (negative ? 0x7fff7fffu : 0u);
#ifdef FAR_SCALE
    uint packed_light = 0xffffffffu;  // no page, nor a body
#else
    uint packed_light = v_face.x + 1u;
#endif
    vec3 spot = v_world + corner;
    vec2 place = axis == 0 ? spot.yz : axis == 1 ? spot.xz : spot.xy;
    vec3 to_eye = eye - v_world;
    float slant = max(abs(to_eye[axis]) * inversesqrt(dot(to_eye, to_eye)), 0.02);
    float texels_m = PATTERN_TEXELS / (PATTERN_M * v_cut.x);
    float level = max(round(log2(depth * pixel_m * inversesqrt(slant) * texels_m)), 0.0);
    place = place / v_cut.x + v_cut.y * vec2(1.0, PATTERN_TURN);
    float part = intBitsToFloat(127 - int(level) << 23), layer = material.a - 16.0 * float(emits);
    vec2 at = vec2(2.0 * PATTERN_TEXELS * (1.0 - part) + 2.0 * level, layer * (PATTERN_TEXELS + 2.0)) + 1.0;
    at += fract(place / PATTERN_M) * (PATTERN_TEXELS * part);
    vec3 factor = 2.0 * texture(patterns, at * patterns_scale).rgb;
    if (layer > 0.5 && level < PATTERN_LEVELS) albedo *= factor;
#endif
    uvec3 a = uvec3(roundEven(sqrt(clamp(albedo, 0.0, 1.0)) * 255.0));
    uint coded = a.r | a.g << 8u | a.b << 16u | material_index << 24u;
    out_surface = uvec4(floatBitsToUint(depth) | emits << 31u, normal, packed_light, coded);
#ifdef WHOLE
#ifdef BODIES
    vec3 previous_world = v_previous;
    out_more.x = v_entity + 1u;
#else
    vec3 previous_world = v_world;
    out_more.x = 0u;
#endif
    vec4 before = previous_clip_from_world * vec4(previous_world, 1.0);
    vec2 motion = gl_FragCoord.xy - (before.xy / max(before.w, 1e-3) * 0.5 + 0.5) * size_px;
    ivec2 m = ivec2(round(clamp(motion, -1023.0, 1023.0) * 32.0)) & 0xffff;
    out_more.y = uint(m.x) | uint(m.y) << 16u;
#endif
}

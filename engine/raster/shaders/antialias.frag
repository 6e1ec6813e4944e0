// Edges of the finished picture softened along their direction: a small FXAA (Lottes, NVIDIA 2009). Alpha holds luma.
// Compiled for pixels that are SURE to be no edges, which leaves the others out, and for all.
uniform sampler2D colour_map;
uniform vec2 texel;  // 1 / size
out vec4 out_colour;

void main() {
    ivec2 p = ivec2(gl_FragCoord.xy);
    ivec2 last = textureSize(colour_map, 0) - 1;
    vec4 here = texelFetch(colour_map, p, 0);
    float n = texelFetch(colour_map, ivec2(p.x, max(p.y - 1, 0)), 0).a;
    float s = texelFetch(colour_map, ivec2(p.x, min(p.y + 1, last.y)), 0).a;
    float w = texelFetch(colour_map, ivec2(max(p.x - 1, 0), p.y), 0).a;
    float e = texelFetch(colour_map, ivec2(min(p.x + 1, last.x), p.y), 0).a;
    float low = min(here.a, min(min(n, s), min(w, e))), high = max(here.a, max(max(n, s), max(w, e)));
    out_colour = here;
#ifdef SURE
    if (high - low > max(0.05, 0.125 * high)) discard;
#else
    if (high - low > max(0.05, 0.125 * high)) {
        vec2 at = gl_FragCoord.xy * texel;
        float nw = texelFetch(colour_map, clamp(p + ivec2(-1, -1), ivec2(0), last), 0).a;
        float ne = texelFetch(colour_map, clamp(p + ivec2(1, -1), ivec2(0), last), 0).a;
        float sw = texelFetch(colour_map, clamp(p + ivec2(-1, 1), ivec2(0), last), 0).a;
        float se = texelFetch(colour_map, clamp(p + ivec2(1, 1), ivec2(0), last), 0).a;
        vec2 along = vec2(sw + se - nw - ne, nw + sw - ne - se);
        float shorten = 1.0 / (min(abs(along.x), abs(along.y)) + max((nw + ne + sw + se) * 0.03125, 0.0078125));
        along = clamp(along * shorten, -4.0, 4.0) * texel;
        vec3 near = 0.5 * (textureLod(colour_map, at - along / 6.0, 0.0).rgb + textureLod(colour_map, at + along / 6.0, 0.0).rgb);
        vec4 ends = textureLod(colour_map, at - along * 0.5, 0.0) + textureLod(colour_map, at + along * 0.5, 0.0);
        vec3 far = 0.5 * near + 0.25 * ends.rgb;
        float luma = dot(far, vec3(0.299, 0.587, 0.114));
        out_colour.rgb = luma < low || luma > high ? near : far;
    }
#endif
}

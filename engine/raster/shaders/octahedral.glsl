// Unit vectors in 32 bits (Cigolle et al., A Survey of Efficient Representations for Independent Unit Vectors, JCGT 2014).
uint pack_snorm(vec2 p) {
    ivec2 q = ivec2(round(clamp(p, -1.0, 1.0) * 32767.0)) & 0xffff;
    return uint(q.x) | uint(q.y) << 16u;
}

vec2 octahedral(vec3 n) {
    vec2 p = n.xy / (abs(n.x) + abs(n.y) + abs(n.z));
    vec2 folded = (1.0 - abs(p.yx)) * vec2(p.x >= 0.0 ? 1.0 : -1.0, p.y >= 0.0 ? 1.0 : -1.0);
    return n.z >= 0.0 ? p : folded;
}

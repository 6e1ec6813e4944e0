// Quads of the static world into the G-buffer.
uniform mat4 clip_from_world;
uniform vec3 eye;           // metres, world
uniform float seam;         // how far a quad grows in its plane, metres per metre of distance (a hundredth of a pixel)
#ifdef FAR_SCALE
uniform vec3 far_origin;    // metres, window: where the world's origin lies
#endif
in uvec3 in_position;       // voxels
in uint in_packed;          // side | corner u << 3 | corner v << 4 | material << 8
in uint in_key;             // surface page
out vec3 v_world;
invariant gl_Position;      // the depths of occluders are drawn by another program and must be the same to the bit
flat out uvec2 v_face;      // surface page; side | material << 8: few, because every output costs time per triangle
#ifdef LOOKS
uniform sampler2D materials;  // looked up here, because there are fewer vertices than pixels
flat out vec4 v_look;       // albedo, pattern + 16 where it emits
flat out vec2 v_cut;        // scale and shift of the pattern
#endif

void main() {
    v_face = uvec2(in_key, in_packed);
#ifdef LOOKS
    v_look = texelFetch(materials, ivec2(int(in_packed >> 8u), 0), 0);
    v_cut = texelFetch(materials, ivec2(int(in_packed >> 8u), 2), 0).ba;
#endif
    int axis = int(in_packed >> 1u & 3u);
    vec3 along_u = vec3(axis == 2, axis == 0, axis == 1);
    vec3 along_v = vec3(axis == 1, axis == 2, axis == 0);
    vec3 normal = vec3(axis == 0, axis == 1, axis == 2);
    float sign_u = (in_packed & 8u) != 0u ? 1.0 : -1.0;
    float sign_v = (in_packed & 16u) != 0u ? 1.0 : -1.0;
#ifdef FAR_SCALE
    v_world = vec3(in_position) * (VOXEL_M * FAR_SCALE) + far_origin;
#else
    v_world = vec3(in_position) * VOXEL_M;
#endif
    vec3 to_eye = eye - v_world;
    float distance = length(to_eye);
    // T-junctions between merged quads leave pinholes: grow by a hundredth of a pixel, more where the plane is seen at a slant
    float grow = seam * distance / max(abs(dot(normal, to_eye)) / max(distance, 1e-6), 0.05);
    v_world += grow * (sign_u * along_u + sign_v * along_v);
    gl_Position = clip_from_world * vec4(v_world, 1.0);
}

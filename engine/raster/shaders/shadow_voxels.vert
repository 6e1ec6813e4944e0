// Quads of the static world into the sun's shadow map.
uniform mat4 clip_from_world;
uniform float seam;  // metres
in uvec3 in_position;
in uint in_packed;

void main() {
    int axis = int((in_packed & 7u) >> 1u);
    vec3 along_u = vec3(axis == 2, axis == 0, axis == 1);
    vec3 along_v = vec3(axis == 1, axis == 2, axis == 0);
    vec3 grow = ((in_packed & 8u) != 0u ? seam : -seam) * along_u + ((in_packed & 16u) != 0u ? seam : -seam) * along_v;
    gl_Position = clip_from_world * vec4(vec3(in_position) * VOXEL_M + grow, 1.0);
}

// Posed bodies into the sun's shadow map.
uniform mat4 clip_from_world;
in vec3 in_position;
#ifdef HOLES
in vec2 in_uv;
out vec2 v_uv;
#endif

void main() {
#ifdef HOLES
    v_uv = in_uv;
#endif
    gl_Position = clip_from_world * vec4(in_position, 1.0);
}

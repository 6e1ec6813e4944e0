// Posed bodies into the G-buffer.
uniform mat4 clip_from_world;
in vec3 in_position;   // metres, world
#ifdef WHOLE
in vec3 in_previous;   // metres, world, one tick earlier
out vec3 v_previous;
#endif
in vec3 in_normal;
in vec3 in_light;      // e at the vertex; for emissive materials the radiance that leaves it
in uint in_entity;
in uint in_material;
out vec3 v_normal;
out vec3 v_light;
flat out uint v_entity;
flat out uint v_material;
#ifdef SKINS
in vec2 in_uv;
in vec3 in_tint;       // linear RGB, a factor on the picture
out vec2 v_uv;
out vec3 v_tint;
#endif

void main() {
#ifdef WHOLE
    v_previous = in_previous;
#endif
    v_normal = in_normal;
    v_light = in_light;
    v_entity = in_entity;
    v_material = in_material;
#ifdef SKINS
    v_uv = in_uv;
    v_tint = in_tint;
#endif
    gl_Position = clip_from_world * vec4(in_position, 1.0);
}

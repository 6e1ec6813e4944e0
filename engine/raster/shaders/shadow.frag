#ifdef HOLES
uniform sampler2D picture;
in vec2 v_uv;
void main() { if (texture(picture, v_uv).a < 0.5) discard; }
#else
void main() {}
#endif

// Rectangles of the screen, at a depth of their own.
uniform float depth;  // clip space
in vec2 in_position;  // clip space

void main() {
    gl_Position = vec4(in_position, depth, 1.0);
}

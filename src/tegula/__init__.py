"""tegula: read and write large multi-dimensional arrays."""

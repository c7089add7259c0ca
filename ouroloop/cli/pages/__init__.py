"""Pages of docs/ about the face of the package, which are generated: its commands, and its Python names."""

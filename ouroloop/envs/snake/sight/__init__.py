"""What a picture shows on each cell, and how a whole board is read from it."""

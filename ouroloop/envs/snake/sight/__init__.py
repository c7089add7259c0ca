"""What a picture of the board says of each cell, and how a whole board is read out of it."""

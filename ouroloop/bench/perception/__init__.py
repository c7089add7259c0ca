"""What seeing costs and gives: readers, eyes, and what decides a move."""

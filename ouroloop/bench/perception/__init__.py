"""What eyes see of boards, what it is worth to a player, and what it costs."""

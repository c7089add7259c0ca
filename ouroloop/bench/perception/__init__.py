"""What seeing costs and what it is worth: cameras, readers, latents, and players that see."""

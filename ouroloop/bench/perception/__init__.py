"""What eyes are worth: `ouroloop bench perception`."""

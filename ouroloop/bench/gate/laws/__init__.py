"""Laws of utilities with known truths: factorials with known effects, and candidates that are no better."""

"""The document of the gate's benchmark, told: verdicts and pictures."""

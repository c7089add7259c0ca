"""The document of the gate's benchmark as verdicts and pictures."""

"""The document of the policies' benchmark, told: demands, scores and pictures."""

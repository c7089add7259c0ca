"""The document of the policies' benchmark as demands, scores and pictures."""

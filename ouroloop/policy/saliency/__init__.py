"""Why a policy made a move: what in its prompt decided it, cell by cell, whether that is true, and what it says itself.

- `explaining.explain(policy, observations, "ig")` gives a `Saliency`: a weight per token, and per cell of the board.
- `faithfulness` tests a saliency: tokens are taken out of the prompt in its order, and the move should lose ground faster
  than in a random order.
- `rationales` asks a language base for a reason in words, and checks it against what the move did.

Only policies whose prompts speak of cells have a saliency: their encoding, or the policy itself, is an
`encoding.Located`.
"""

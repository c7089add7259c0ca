"""What a run begins with: trained models, and the eyes of a run that sees.

- `perceiving`: what each way to perceive needs.
- `models`: a start model is trained in a child process, or taken from the cache.
- `eyes`: the board reader, the encoder and the eye; given, shipped or trained.
- `camera`: a given policy that sees looks through the run's camera.
- `lending`: an eye for a training on the command line.
- `checking`: whether a recipe's eyes can be used, asked before anything is written.
- `sight`: how many boards the players have read exactly.
"""

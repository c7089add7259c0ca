"""Seeing instead of reading: pictures of boards turned back into observations.

Parts, each of which is imported by name so that importing this package loads neither torch nor numba:

- `cells`: what a cell of the picture can be, and the labels that an observation stands for.
- `vit`: the built-in encoder, a small vision transformer over the cells of a board.
- `decode`: cell classes to a board, a snake in order and a food; contradictions are settled by probability.
- `config`: `ReaderConfig`, the reader's network and training.
- `reader`: `load_reader(path, task) -> Reader`, pixels to boards, and the files that a reader is.
- `training`: `train_reader(task, config, seed, out, progress) -> ReaderReport`.
- `perceive`: `VisionPerception`, a callable from observations to observations that only saw the picture.
"""

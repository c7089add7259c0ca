"""Seeing instead of reading: pictures of boards are turned back into observations.

Its parts are imported by name, so that importing this package loads neither torch nor numba:

- `vit`: the built-in encoder, a small vision transformer over the cells of a board.
- `config`: `ReaderConfig`, the reader's network and training.
- `reader`: `load_reader(path, task) -> Reader`, pixels to boards, and the files of a reader.
- `training`: `train_reader(task, config, seed, out, progress) -> ReaderReport`.
- `perceive`: `VisionPerception`, which maps observations to what a reader sees in their pictures.

A game's classes of cells, and how they become a board again, are its `ports.Sight` (for Snake, `envs.snake.sight`).
"""

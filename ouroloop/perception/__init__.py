"""Seeing instead of reading: pictures of boards are turned back into observations.

Its parts are imported by name, so that importing this package loads neither torch nor numba:

- `config`: `CameraConfig` and `ReaderConfig`, the settings of cameras, and of the reader's network and training.
- `camera`: `Camera(task, config, seed).look(observations)`, positions to pictures; `optics` does the work.
- `reader`: `load_reader(path, task) -> Reader`, pixels to boards, and `load_encoder(folder)`, pixels to latents.
- `readers`: `open_reader(folder, task)`, a reader of any kind: of this one, a CLIP or a Gemma.
- `cells`: what both stand on: a network with its card, and the files of a reader.
- `cellnet`: the network, linear in the number of cells, and `aligning`: how a picture lies, and how that is undone.
- `training`: `train_reader(tasks, config, seed, out, progress) -> ReaderReport`; `learning/` holds its parts.
- `shipped`: `shipped_reader(task)`, the directory of the reader that ships with the package.
- `perceive`: `VisionPerception`, which maps observations to what a reader sees in their pictures.
- `encoders`: the kinds of encoders, pictures to grids of latents, and which kind a folder holds.
- `eye`: `load_eye(folder, task)`, an encoder behind a camera, through which a policy sees.
- `clip/`, `gemma/`, `vae/`: the other kinds: any CLIP of open_clip, any Gemma that sees, and small ones of ours.
- `salience`: `SalientTask`, a game whose rewards can speak of what is salient on the board.

A game's classes of cells, and how they become a board again, are its `ports.Sight` (for Snake, `envs.snake.sight`).
"""

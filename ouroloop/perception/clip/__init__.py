"""CLIP: pictures and texts in one space, by `open_clip`: any model that it knows, and a small one that is trained here.

Its parts are imported by name, so that importing this package loads no torch:

- `config`: `ClipConfig`, the small model and its training.
- `loading`: `load_clip(name, pretrained) -> Clip`, any model of open_clip, offline.
- `training`: `train_clip(task, config, seed, out, progress) -> ClipReport`, a small model from scratch.
- `dense`: features of a picture's patches in the joint space, and what a phrase names in a picture.
- `measures`: retrieval among boards that differ in a few cells, and localisation of phrases.
- `encoding`: `ClipEncoder`, a picture's patches as a grid of latents; `load_encoder(folder)`.
- `reading`: `ClipReader`, boards read out of the latents; `load_clip_reader(folder, task)`.
"""

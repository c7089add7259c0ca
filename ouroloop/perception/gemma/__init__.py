"""Gemma as eyes: any Gemma that sees, by `transformers`, as reader, as player and as encoder; and a small one of our own.

Its parts are imported by name, so that importing this package does not load torch:

- `config`: `GemmaConfig`, the small model and its training.
- `loading`: `load_gemma(name) -> Gemma`, a whole checkpoint. `towers`: its vision tower alone.
- `small`: a tiny checkpoint of the very architecture; `words`: its tokenizer.
- `forms`: the one shape that an answer may have; `replies`: boards from answers of any shape; `asking`: the model's answers.
- `eyes`: `GemmaReader` and `GemmaPlayer`. `encoding`: `GemmaEncoder`.
- `lessons`, `training`: `train_gemma(task, config, seed, out, progress) -> GemmaReport`.
"""

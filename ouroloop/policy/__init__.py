"""Snake-GPT: encoding, supervised fine-tuning, GRPO and evaluation.

Import the submodules; this file imports nothing, so that whoever names the package does not load torch.

- `encoding`, `play`, `data`, `report`: no torch. `play.play(task, policy, seeds)` gives scores, `play.play_traced` a trace.
- `local.LocalPolicy(path)`: a policy directory as `ports.Policy`.
- `sft.fit_sft`, `grpo.train_grpo`: the trainings, each from a task to a policy directory.
"""

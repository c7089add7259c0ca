"""Policies: how they are trained (`sft`, `grpo`, `distill`), loaded (`bases`, `snake_gpt`), served and evaluated.

Import the submodules: this file imports nothing, so naming the package does not load torch.

- `play.play(task, policy, seeds)` gives scores, `play.play_traced` a trace; neither loads torch.
- `sft.fit.fit_sft`, `grpo.fit.train_grpo`: the trainings, each from a task to a policy directory.
- `sft.fit.fit_sft`, `grpo.fit.train_grpo`: the trainings, each from a task to a policy directory.
"""

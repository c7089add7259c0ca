"""Latents that reach the policy: a Snake-GPT that reads what an eye saw instead of text.

An eye (`ports.Eye`) turns positions into a grid of latents. They travel within the prompt's ids, so every training and
player that knows ids alone can use them; the model unfolds them, and a projector makes one embedding of each.

- `config`: `FusionConfig`, a recipe's `[fusion]`. No torch.
- `layout`: `Layout`, what a prompt consists of. No torch.
- `written`: latents as ids, and back. No torch.
- `folding`: latents to embeddings: pixel shuffle, projector, places.
- `focus`: places counted from where a player looks.
- `readout`: the board read back from the model's last states, an auxiliary task.
- `model`: `FusedForCausalLM`.
- `seeing`: `Seeing`, a `language.LanguagePolicy`; `create_seeing` makes one, from nothing or from a trained Snake-GPT.
- `stages`: which weights a training changes.
- `directory`: `save_seeing`, `open_seeing`.
- `eyes`: eyes by the names that installed packages announce.
"""

"""Benchmarks, one module each, for `ouroloop bench engine | plan | teachers | ...`. Peers run beside us, in the same run.

Rounds are interleaved (ours, peer, ours, peer ...) after a warm-up, and the figures are medians. Rates are per second of one
core's processor time, which a busy machine disturbs less than the wall clock; `cpu_share` says how far the two differed.
"""

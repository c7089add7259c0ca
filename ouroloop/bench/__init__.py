"""Benchmarks: `ouroloop bench engine | plan | teachers`. One module each; peers run beside us, in the same run.

Rounds are interleaved (ours, peer, ours, peer ...), warmed up, and medians are quoted. Rates are per second of one core's
processor time, which a busy machine disturbs less than the wall clock; `cpu_share` says how far the two were apart.
"""

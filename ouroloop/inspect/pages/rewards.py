"""The page on rewards, `docs/rewards.md`: the format, and what leads to a reward and watches over its training.

`python -m ouroloop.inspect.pages.rewards > docs/rewards.md` writes it. Features, functions, endings, modes and monitors are
read from the code; a test fails when the file and the code differ.
"""

from __future__ import annotations

from collections.abc import Iterable
from string import Template
from typing import Final

import numpy as np

from ouroloop.envs.registry import TaskSettings, make_task
from ouroloop.inspect.pages.markdown import table
from ouroloop.policy.grpo.limits import Limits
from ouroloop.policy.grpo.monitors import RULES
from ouroloop.protocols.records import KINDS, RewardSpec, RewardTerm
from ouroloop.rewards.language import MAX_BYTES
from ouroloop.rewards.operations import COMPARE, functions
from ouroloop.rewards.recorded import RewardLimits
from ouroloop.runs.phases.observe import FATIGUE, INFLUENCE, MODES

WHEN: Final = {
    "reward_refresh": "training has stalled or is unhealthy",
    "bug_fix": "the controller fails, or games end in avoidable ways",
    "reward_patch": "an undesired behaviour: games that lead nowhere, detours",
    "meta_learn": "nothing stands out, or the run starts from earlier results: rewards and patches together",
}
FINDINGS: Final = {
    "training_stalled": "no candidate trained under a designed reward stands, or the last one gained too little",
    "zero_variance": "most groups have equal rewards: the reward is too sparse",
    "kl_high": "the policy has left its reference",
    "entropy_low": "the policy no longer explores",
    "avoidable_deaths": "another last move would not have lost",
    "trapped": "games end with no way out",
    "controller_errors": "the controller failed",
    "detours": "games last, but waste moves",
}
"""Finding of the critic -> what it says; those that come from a game's endings are listed apart."""
LOSS: Final = {
    "beta": "weight of the KL to the policy from which the training starts, above 0 and at most 1",
    "entropy": "weight of the policy's entropy as a bonus, 0 to 0.1",
    "epsilon_low": "how far below 1 a ratio may go, above 0 and below 1",
    "epsilon_high": "how far above 1, above 0 and at most 1",
}
"""Setting of the loss that a reward may change -> what it is."""
LAYERS: Final = {
    "schema": f"one JSON object of at most {MAX_BYTES} bytes, known keys and features, an expression of the language",
    "complexity": f"at most {RewardLimits().nodes} nodes in all expressions",
    "bounded": "no term above its bound, on recorded transitions",
    "finite": "no NaN or infinity there",
    "gameable": "it pays neither for going in circles, nor for losing, nor against progress, and it has a signal",
}


PAGE: Final = Template("""\
# Rewards

A reward is data: JSON, evaluated by our own interpreter. It reaches training only; gate and watch score the game.
A candidate's return is `r_env + gamma_r * sum(weight * clip(expr))`, discounted over `grpo.horizon` moves.

```json
{"terms": [{"name": "closer", "expr": "approach", "weight": 0.5},
           {"name": "boxed_in", "expr": "where(space < 0.5, trapped, 0)", "weight": -1.0, "clip": 1.0}],
 "gamma_r": 0.2, "anneal": {"warmup": 0.1, "decay": 0.3}}
```

Give one with `start.reward = FILE` in a recipe, or with `ouroloop train grpo --reward FILE`.

$keys

Expressions have numbers, features, `+ - * /`, $compares comparisons (1 where they hold, else 0), and the functions
$functions. Division by nearly 0 gives 0.

## Features of a transition

These are those of $game; every game names its own ([games.md](games.md)).

$features

## What the screen refuses

$layers

`ouroloop show DIR --candidate ID` says which layer refused a reward, with the figures.

## From findings to a mode

After the incumbent's games the critic names findings, each with a weight: the share of games or decisions concerned.
The round's mode is that of the heaviest finding. A mode's weight is multiplied by $fatigue for each of its rounds since
one last had a candidate accepted. No reward is asked for if the policy decides less than $influence of the moves.
A recipe's `mode` is the mode of every round instead: `--set mode=meta_learn` has all roles asked each time.

$modes

$findings

A game's endings are findings too: a `blunder` calls for `bug_fix`, an `idle` end for `reward_patch`. The regret of a
phase (`early_regret`, ...) is told, but calls for no mode.

$endings

## Monitors of a training

Each watches one figure, over a window of $window steps where it is noisy. `[grpo.limits]` holds the limits
([recipe.md](recipe.md)).

$monitors

Held-out games are compared with those before the first step. If the designed reward's return has risen while the score
fell, `reward_hacking` rings ($hacking); a fallen score alone is `score_fell` ($fell).
A loss that is not finite is `not_finite`, and a first step without a gradient `first_step`.
""")


def page() -> str:
    """Return the page."""
    task = make_task(TaskSettings())
    endings = {end.finding: f"{end.kind}: games that {end.doc}" for end in task.endings.values()}
    return PAGE.substitute(
        keys=table(("key", "meaning"), _keys()),
        compares=len(COMPARE),
        functions=", ".join(f"`{name}`" for name in functions(np.nan)),
        game=task.name,
        features=table(("feature", "meaning"), task.features),
        layers=table(("layer", "what passes"), LAYERS),
        fatigue=f"{FATIGUE:g}",
        influence=f"{INFLUENCE:.0%}",
        modes=table(("mode", "when", "asks for"), {mode: (WHEN[mode], ", ".join(kinds)) for mode, kinds in KINDS.items()}),
        findings=table(("finding", "meaning", "mode"), {name: (FINDINGS[name], f"`{mode}`") for name, mode in MODES.items()}),
        endings=table(("finding", "ending"), endings),
        window=Limits().window,
        monitors=table(("alarm", "rings", "meaning", "then"), _monitors()),
        hacking=_then("reward_hacking"),
        fell=_then("score_fell"),
    )


def _keys() -> dict[str, str]:
    term, spec = RewardTerm.model_fields, RewardSpec.model_fields
    return {
        "terms": f"at most {_most(spec['terms'].metadata)} terms with names of their own",
        "terms.name": f"`{_pattern(term['name'].metadata)}`",
        "terms.expr": f"an expression of at most {_most(term['expr'].metadata)} characters over the features below",
        "terms.weight": "from -10 to 10",
        "terms.clip": f"the expression is clipped to this on both sides; {term['clip'].default:g} by default",
        "gamma_r": f"weight of the whole reward, 0 to 1; {spec['gamma_r'].default:g} by default",
        "anneal.warmup": "share of the training over which `gamma_r` rises from 0",
        "anneal.decay": "share of the training over which it falls to 0 at the end",
        **{f"loss.{name}": f"{what}; the recipe's `grpo.{name}` by default" for name, what in LOSS.items()},
    }


def _monitors() -> dict[str, tuple[str, ...]]:
    return {
        rule.alarm: (
            f"`{rule.figure}` {'above' if rule.above else 'at or below'} {getattr(Limits(), rule.alarm, 0.0):g}",
            rule.meaning,
            _then(rule.alarm),
        )
        for rule in RULES
    }


def _then(alarm: str) -> str:
    return "stops the training" if alarm in Limits().stops else "a note"


def _most(rules: Iterable[object]) -> int:
    return int(next(getattr(rule, "max_length") for rule in rules if hasattr(rule, "max_length")))  # noqa: B009


def _pattern(rules: Iterable[object]) -> str:
    return str(next(getattr(rule, "pattern") for rule in rules if hasattr(rule, "pattern")))  # noqa: B009


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201  (the page goes to stdout)

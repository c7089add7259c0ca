"""The command `models`: which small language models can be had, and fetching them."""

from __future__ import annotations

from dataclasses import asdict

import click

from ouroloop.streams import say_json


@click.command()
@click.argument("names", nargs=-1)
@click.option("--fetch", is_flag=True, help="Fetch the weights into the cache: those of NAMES, or all.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models(names: tuple[str, ...], fetch: bool, as_json: bool) -> None:
    """List the language models that run on this machine, or --fetch them.

    A recipe names one as `model = "local:NAME"`, or as "vllm:NAME". Its server is started with the run and ends with it.
    `make models` builds llama.cpp for the one; `make vllm` installs vLLM for the other, which answers several questions at
    once and wants 2 bytes of memory a parameter.

    \b
    Examples:
      ouroloop models
      ouroloop models --fetch smollm2-135m
    """
    from ouroloop.agents.local.catalog import CATALOG, known
    from ouroloop.agents.local.weights import fetch as fetched
    from ouroloop.agents.local.weights import is_fetched, place
    from ouroloop.terminal import say

    chosen = [known(name) for name in names] or list(CATALOG)
    if fetch:
        for weights in chosen:
            fetched(weights, lambda line: say(line, err=True))
    rows = [
        {**asdict(one), "packages": list(one.packages), "fetched": is_fetched(one), "file": str(place(one))} for one in chosen
    ]
    if as_json:
        say_json(rows)
        return
    for one in chosen:
        here = "here" if is_fetched(one) else "not fetched"
        say(f"{one.name:20} {one.size / 2**20:6.0f} MB  {here:12} {one.about} ({one.licence})")

"""vLLM as the player of a policy, offline: prompts of token ids in, one greedy token a prompt out. Stays and answers a bench.

Run by vLLM's own interpreter: `python vllm_policy.py MODEL_DIR PROMPTS.json PRECISION`. Each line of standard input asks for
one thing, and a line of JSON on standard output answers it: `moves ACTION ...` the best of these tokens after every prompt;
`rate BATCH SECONDS` how many decisions were made in so long, and the seconds used.

Of what was tried on two cores, this is the fastest: the engine in this process (no server, no worker), eager (compiled it takes
80 s to start and is no faster), no log-probabilities, no text. The first line says that it is ready.
"""

import itertools
import json
import os
import sys
import time
from pathlib import Path

SETTINGS = {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_LOGGING_LEVEL": "ERROR"}
ROOM = 4096
"""Tokens of a step: as many as a batch of 256 prompts has."""


def main() -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what vLLM prints goes to standard error
    os.environ.update(SETTINGS)
    from vllm import LLM, SamplingParams

    folder, prompts_path, precision = sys.argv[1:]
    prompts = [{"prompt_token_ids": ids} for ids in json.loads(Path(prompts_path).read_text())]
    model = LLM(folder, dtype=precision, enforce_eager=True, max_num_batched_tokens=ROOM, max_num_seqs=256)
    greedy = {"max_tokens": 1, "temperature": 0.0, "detokenize": False}
    answers.write('{"ready": true}\n')
    endless = itertools.cycle(prompts)
    for line in sys.stdin:
        what, *arguments = line.split()
        if what == "moves":
            params = SamplingParams(allowed_token_ids=[int(token) for token in arguments], **greedy)
            made = model.generate(prompts, params, use_tqdm=False)
            answers.write(json.dumps({"tokens": [answer.outputs[0].token_ids[0] for answer in made]}) + "\n")
            continue
        batch, seconds, params = int(arguments[0]), float(arguments[1]), SamplingParams(**greedy)
        done, wall, cpu = 0, time.perf_counter(), time.process_time()
        while time.perf_counter() - wall < seconds:
            model.generate(list(itertools.islice(endless, batch)), params, use_tqdm=False)
            done += batch
        used = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
        answers.write(json.dumps({"decisions": done, **used}) + "\n")


if __name__ == "__main__":
    main()

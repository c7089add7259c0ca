"""`bench policy`: how the sections are put together, written and shown. What they measure is tested part by part."""

import json
import subprocess
import sys

import pytest

from ouroloop.bench.growth import plot
from ouroloop.bench.policy import suite as policy
from ouroloop.bench.policy.report import demands
from ouroloop.bench.sections import measure_sections
from ouroloop.bench.tables import tables
from ouroloop.cli.main import call
from ouroloop.protocols.errors import SurroundingsError
from ouroloop.terminal import text_of
from tests.bench.policy import document as policy_document


@pytest.fixture
def asked(monkeypatch):
    """Sections that are quickly there: the canned ones, one of which lacks its surroundings. Tells what they were asked."""
    told = []

    def section(name):
        def measured(report, seed):
            told.append((name, seed))
            report("half of it", 0.5)
            if name == "baselines":
                raise SurroundingsError("no such library: install it")
            return policy_document.SECTIONS[name] | {"machine": {}}

        return measured

    monkeypatch.setattr(policy, "SECTIONS", {name: section(name) for name in policy.SECTIONS})
    return told


def test_the_sections_in_their_order(asked):
    fractions, seen = [], []
    found = measure_sections(
        policy.SECTIONS,
        lambda what, fraction: fractions.append((what, fraction)),
        4,
        done=lambda so_far: seen.append(list(so_far["seconds"])),
    )
    names = list(policy.SECTIONS)
    assert asked == [(name, 4) for name in names]
    assert seen == [names[: count + 1] for count in range(len(names))]
    assert fractions[0] == ("scratch: half of it", 0.5 / len(names))
    assert [fraction for _, fraction in fractions] == sorted({fraction for _, fraction in fractions})
    assert found["baselines"] == {"missing": "no such library: install it"}
    assert found["gain"] == policy_document.SECTIONS["gain"]
    assert list(found["seconds"]) == names
    assert found["machine"]["cores"] >= 1


def test_one_section_alone(asked, tmp_path, capsys):
    assert call(["bench", "policy", "--only", "gain", "--only", "scratch", "--seed", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert asked == [("scratch", 2), ("gain", 2)]
    assert set(found) == {"seed", "seconds", "machine", "scratch", "gain"}


def test_only_names_sections_of_this_bench(asked, capsys):
    assert call(["bench", "engine", "--only", "gain"]) == 2
    said = capsys.readouterr().err
    having = "`bench agents`, `bench gate`, `bench perception` and `bench policy`"
    assert f"--only names sections of {having}, found it with `bench engine`" in said
    assert call(["bench", "policy", "--only", "gain", "--only", "ruin"]) == 2
    assert "no section 'ruin'; its sections are scratch, shipped, gain" in capsys.readouterr().err
    assert asked == []


def test_sections_are_written_when_they_are_there(asked, tmp_path, monkeypatch):
    def fails(report, seed):
        raise ZeroDivisionError

    monkeypatch.setitem(policy.SECTIONS, "gain", fails)
    with pytest.raises(ZeroDivisionError):
        call(["bench", "policy", "--out", str(tmp_path)])
    kept = json.loads((tmp_path / "policy.json").read_text())
    assert set(kept["seconds"]) == {"scratch", "shipped"}
    assert "snake-gpt-10x10" in (tmp_path / "policy.txt").read_text()
    assert (tmp_path / "policy.png").read_bytes().startswith(b"\x89PNG")


def test_the_other_sections_of_a_file_stay(asked, tmp_path, capsys):
    command = ["bench", "policy", "--out", str(tmp_path), "--json"]
    for name in ("distill", "failures"):
        assert call([*command, "--only", name]) == 0
        assert name in json.loads(capsys.readouterr().out)["seconds"]
    kept = json.loads((tmp_path / "policy.json").read_text())
    assert set(kept["seconds"]) == {"distill", "failures"}
    assert kept["distill"] == policy_document.SECTIONS["distill"]
    assert "logit KD" in (tmp_path / "policy.txt").read_text()
    assert call(command) == 0  # all of them: nothing of an older document stays
    assert list(json.loads((tmp_path / "policy.json").read_text())["seconds"]) == list(policy.SECTIONS)
    (tmp_path / "policy.json").write_text("[]")
    assert call([*command, "--only", "gain"]) == 2
    assert "is no document of `bench policy`" in capsys.readouterr().err


def test_the_tables():
    found = policy_document.document()
    text = text_of(tables("policy", found))
    shown = text_of(demands.demands(found)).splitlines()
    met = {line[1:].split("│")[0].strip(): line.split("│")[4].strip() for line in shown if line.startswith("│")}
    assert met == {
        "6 x 6 from scratch": "yes",
        "snake-gpt-10x10 alone, 500 games": "NO",
        "GRPO from a score of 15": "yes",
        "with its start, CPU s": "yes",
        "under a useless reward": "yes",
        "under a harmful one, alarm": "yes",
        "its policy at the gate": "yes",
        "GRPO updates over TRL's": "yes",
        "gradients apart, relative": "yes",
        "decisions over vLLM's": "yes",
        "10 x 10 from scratch on a GPU": "yes",
        "failures": "NO",
    }
    for shown in (
        "+40% (+30% to +50%)",
        "oracle 2",
        "NO, 60 lines, not kept",
        "a base of 44 M",
        "10.000%",
        "best of others",
        "99.90%",
        "DQN",
        "25 (24 to 26)",
    ):
        assert shown in text


def test_what_is_missing_says_so_and_draws_nothing(tmp_path):
    found = policy_document.document()
    for name in policy_document.SECTIONS:
        found[name] = {"missing": f"no {name} here"}
    text = text_of(tables("policy", found))
    assert "no gpu here" in text
    assert text.count("not measured") == len(demands.DEMANDS)
    plot("policy", found, tmp_path / "policy.png")
    assert not (tmp_path / "policy.png").exists()


def test_vllm_that_is_missing_is_no_failure():
    section = policy_document.SECTIONS["throughput"]
    decisions = section["decisions"] | {"speedup_over_vllm": None, "vllm_missing": "no vLLM environment"}
    missing = section | {"decisions": decisions, "met": section["met"] | {"decisions": None}}
    assert demands.throughput_demands(missing)[-1][2:] == ("no vLLM environment", None)


def test_the_names_of_sections_cost_no_torch():
    code = "import sys, ouroloop.bench.policy.suite, ouroloop.bench.catalogue; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

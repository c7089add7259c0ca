"""The runs as CSV and Arrow: a row per run, with the values of the varied keys in columns of their own."""

from __future__ import annotations

import pandas as pd
import pytest
from pyarrow import csv, feather

from ouroloop.inspect.ablation.export import runs_table, write_arrow, write_csv
from ouroloop.protocols.errors import SurroundingsError
from tests.inspect.ablation.test_table import document, factorial


@pytest.mark.parametrize("probed", [True, False])
def test_what_is_written_is_read_again(probed, tmp_path):
    found = factorial(probed)
    table = runs_table(found)
    write_csv(table, tmp_path / "runs.csv")
    write_arrow(table, tmp_path / "runs.arrow")
    assert feather.read_table(tmp_path / "runs.arrow") == table
    again = csv.read_csv(tmp_path / "runs.csv", convert_options=csv.ConvertOptions(column_types=table.schema))
    assert again.to_pylist() == table.to_pylist()


def test_a_row_has_its_arm_its_values_and_its_figures():
    found = factorial(probed=True)
    rows = runs_table(found).to_pandas()
    assert len(rows) == len(found["runs"]) == 12
    assert {"run", "arm", "perception", "count", "seed", "utility", "start_utility", "tokens", "digest"} < set(rows.columns)
    assert not {"value", "start"} & set(rows.columns)
    assert rows.groupby("perception")["utility"].mean()["vision"] == pytest.approx(0.31)
    assert set(rows[rows.arm == "perception=vision, count=2"]["count"]) == {"2"}
    assert rows["read_errors"].unique().tolist() == [0.25]
    assert rows["act_errors"].isna().all(), "what was not measured is null"


def test_names_with_commas_and_quotes_stay_whole(tmp_path):
    write_csv(runs_table(document({'a "b", c': [0.1, 0.2], "=1+1": [0.3, 0.1]})), tmp_path / "runs.csv")
    assert pd.read_csv(tmp_path / "runs.csv")["arm"].unique().tolist() == ['a "b", c', "=1+1"]


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    for write in (write_csv, write_arrow):
        with pytest.raises(SurroundingsError, match="choose another place"):
            write(runs_table(factorial()), tmp_path / "file" / "runs")

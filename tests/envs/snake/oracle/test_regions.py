"""Distances, reach and articulation of the free cells, against networkx."""

import networkx as nx
import numpy as np
import pytest

from ouroloop.envs.snake.oracle.regions import articulation_points, distance_maps, reach
from ouroloop.envs.snake.task import SnakeTask
from tests.envs.snake.twin import place


def free_graph(board, size, *also):
    """The free cells of a board (and some more) as a graph."""
    graph = nx.grid_2d_graph(size, size)
    keep = {divmod(cell, size) for cell in [*np.flatnonzero(np.isin(board, (0, 3))).tolist(), *also]}
    graph.remove_nodes_from([node for node in list(graph) if node not in keep])
    return graph


@pytest.mark.parametrize(("size", "walls"), [(4, 0.0), (6, 0.0), (7, 0.2), (10, 0.1)])
def test_regions_are_those_of_networkx(size, walls):
    positions = SnakeTask(size, walls).positions(4, 80)
    seen = positions.observations()
    joints, (space, tail) = articulation_points(positions), reach(positions)
    maps = {of: distance_maps(positions, of) for of in ("head", "food")}
    cut = 0
    for row in range(80):
        board, length = seen.columns["board"][row], int(seen.lengths["snake"][row])
        snake, food = seen.columns["snake"][row][:length].tolist(), int(seen.columns["food"][row])
        expected = {r * size + c for r, c in nx.articulation_points(free_graph(board, size))}
        assert set(np.flatnonzero(joints[row]).tolist()) == expected
        cut += len(expected)
        for of, cell in (("head", snake[0]), ("food", food)):
            away = nx.single_source_shortest_path_length(free_graph(board, size, cell), divmod(cell, size))
            found = {divmod(c, size): d for c, d in enumerate(maps[of][row].tolist()) if d >= 0}
            assert found == away
        graph = free_graph(board, size, snake[0])
        around = nx.node_connected_component(graph, divmod(snake[0], size))
        assert space[row] == len(around) - 1
        r, c = divmod(snake[-1], size)
        assert tail[row] == bool(around & {(r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)})
    assert cut > 0


def test_a_corridor_is_all_joints():
    engine = place(4, [0, 1, 2, 3], food=4, walls=[8, 9, 10, 11, 12, 13, 14, 15])
    assert np.flatnonzero(articulation_points(engine)[0]).tolist() == [5, 6]
    assert reach(engine)[0][0] == 4

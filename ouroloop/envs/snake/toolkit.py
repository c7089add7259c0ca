"""Helpers that a controller may import: `from toolkit import legal_moves`.

Pure Python without imports, the same answer in every process. `observation` is the controller's: `size`, `board` (row-major
codes: 0 empty, 1 body, 2 head, 3 food, 4 wall), `snake` (cells, head first), `food`, `idle`. Moves are 0 up, 1 down, 2 left,
3 right. Nothing here raises on a legal observation: of a move that is a death a test says False, a distance is `FAR`,
any other measure 0. "After the move" means as the board lies then, the tail moved on unless the move eats.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` costs a tenth of a worker's start; checkers know this name
if TYPE_CHECKING:
    from typing import TypedDict

    class Observation(TypedDict):
        """What a controller sees."""

        size: int
        board: list[int]
        snake: list[int]
        food: int
        idle: int


FAR = 1 << 20
"""The distance of what cannot be reached."""

CAP = 128
"""The largest side of a board."""

# Tables per board size, and what the floods of the last position found. They hold what follows from the arguments alone, and
# the worker has the last position forgotten before each new one, so that no answer depends on earlier calls.
_NEIGHBOURS: dict[int, tuple[tuple[int, ...], ...]] = {}
_CYCLES: dict[int, tuple[int, ...]] = {}
_LAST: dict[tuple[int, int, bytes, tuple[int, ...]], dict[int, tuple[int, int, int, int]]] = {}


def _forget() -> None:
    """Forget the last position."""
    _LAST.clear()


def _check(size: int) -> None:
    """Refuse what is no side of a board, whether a table of it exists or not."""
    if type(size) is not int or not 1 < size <= CAP:
        raise ValueError("size")


def _neighbours(size: int) -> tuple[tuple[int, ...], ...]:
    """Return each cell's neighbours on the board."""
    _check(size)
    table = _NEIGHBOURS.get(size)
    if table is None:
        cells = range(size * size)
        inside = [[_target(size, cell, move) for move in range(4)] for cell in cells]
        table = _NEIGHBOURS[size] = tuple(tuple(other for other in row if other >= 0) for row in inside)
    return table


def _cycle(observation: Observation) -> tuple[int, ...]:
    """Return each cell's position on the Hamiltonian cycle; empty on an odd board or among walls."""
    size = observation["size"]
    _check(size)
    if size % 2 or 4 in observation["board"]:
        return ()
    order = _CYCLES.get(size)
    if order is None:
        places = [0] * (size * size)
        for row in range(size):
            for column in range(1, size):
                along = column if row % 2 == 0 else size - column
                places[row * size + column] = row * (size - 1) + along
            if row:
                places[row * size] = size * size - row
        order = _CYCLES[size] = tuple(places)
    return order


def _target(size: int, cell: int, move: int) -> int:
    """Return the cell beside `cell` in the direction of `move`, -1 outside the board."""
    if move == 0:
        return cell - size if cell >= size else -1
    if move == 1:
        return cell + size if cell + size < size * size else -1
    if move == 2:
        return cell - 1 if cell % size else -1
    if move == 3:
        return cell + 1 if (cell + 1) % size else -1
    return -1


def _enter(observation: Observation, move: int) -> int:
    """Return the cell that the head enters, -1 if the move is a death."""
    snake, board = observation["snake"], observation["board"]
    cell = _target(observation["size"], snake[0], move)
    if cell < 0 or board[cell] == 4 or (board[cell] in (1, 2) and (cell != snake[-1] or len(snake) < 3)):
        return -1
    return cell


def _flood(board: list[int], size: int, start: int) -> list[int]:
    """Return the distance of every free cell from `start`, FAR where it is cut off."""
    near = _neighbours(size)
    distances = [FAR] * len(board)
    distances[start] = 0
    front, away = [start], 0
    while front:
        away += 1
        found = []
        for cell in front:
            for other in near[cell]:
                if distances[other] == FAR and (board[other] == 0 or board[other] == 3):
                    distances[other] = away
                    found.append(other)
        front = found
    return distances


def _lies(observation: Observation, body: list[int]) -> list[int]:
    """Return the board with the snake replaced by `body`, all of it coded 1."""
    board = observation["board"][:]
    for cell in observation["snake"]:
        board[cell] = 0
    for cell in body:
        board[cell] = 1
    return board


def _reach(distances: list[int], size: int, cell: int) -> int:
    """Return the distance to a cell that is not free itself, by the nearest neighbour of it."""
    return min(FAR, 1 + min(distances[other] for other in _neighbours(size)[cell]))


def _after(observation: Observation, move: int) -> tuple[int, int, int, int]:
    """Return space, distance to tail, distance to food, safety of that way (0 or 1) after a move that is no death."""
    key = (observation["size"], observation["food"], bytes(observation["board"]), tuple(observation["snake"]))
    known = _LAST.get(key)
    if known is None:
        _forget()
        known = _LAST[key] = {}
    if move not in known:
        known[move] = _look(observation, move)
    return known[move]


def _look(observation: Observation, move: int) -> tuple[int, int, int, int]:
    """Return what `_after` does, found by one flood and, where the food is in reach, a second one from it."""
    size, snake, food = observation["size"], observation["snake"], observation["food"]
    head = _enter(observation, move)
    body = [head, *snake] if head == food else [head, *snake[:-1]]
    board = _lies(observation, body)
    distances = _flood(board, size, head)
    space = len(distances) - distances.count(FAR) - 1
    to_tail = _reach(distances, size, body[-1])
    to_food = distances[food] if food >= 0 else FAR
    full = len(snake) + 1 >= len(board) - board.count(4)
    if to_food == FAR:
        return space, to_tail, FAR, 0
    if full or to_food == 0:
        return space, to_tail, to_food, int(full or to_tail < FAR)
    way = _walk_back(distances, size, food)
    fed = [*way, *snake][: len(snake) + 1]
    later = _flood(_lies(observation, fed), size, food)
    return space, to_tail, to_food, int(_reach(later, size, fed[-1]) < FAR)


def _walk_back(distances: list[int], size: int, cell: int) -> list[int]:
    """Return a shortest way from `cell` back to the flood's start, both included."""
    way = [cell]
    near = _neighbours(size)
    while distances[cell]:
        cell = next(other for other in near[cell] if distances[other] == distances[cell] - 1)
        way.append(cell)
    return way


def legal_moves(observation: Observation) -> list[int]:
    """Return the moves that are no death."""
    return [move for move in range(4) if _enter(observation, move) >= 0]


def safe_moves(observation: Observation) -> list[int]:
    """Return the moves after which the head can reach its tail."""
    return [move for move in range(4) if tail_reachable(observation, move)]


def roomy_moves(observation: Observation) -> list[int]:
    """Return the legal moves that leave the most free cells in reach."""
    spaces = [space_after(observation, move) for move in range(4)]
    return [move for move in legal_moves(observation) if spaces[move] == max(spaces)]


def food_move(observation: Observation) -> int | None:
    """Return the first move of a shortest way to the food, None if it is cut off."""
    distances = [food_distance(observation, move) for move in range(4)]
    best = min(distances)
    return None if best == FAR else distances.index(best)


def safe_food_move(observation: Observation) -> int | None:
    """Return the first move of the shortest way to the food that leaves the tail in reach after eating, None if none does."""
    moves = [move for move in range(4) if path_safe(observation, move)]
    return min(moves, key=lambda move: food_distance(observation, move)) if moves else None


def tail_move(observation: Observation) -> int | None:
    """Return the first move of a shortest way to the tail, None if it is cut off."""
    distances = [tail_distance(observation, move) for move in range(4)]
    best = min(distances)
    return None if best == FAR else distances.index(best)


def longest_move(observation: Observation) -> int | None:
    """Return the move after which the way to the tail is longest, None if the tail is cut off: it wins time."""
    moves = safe_moves(observation)
    return max(moves, key=lambda move: tail_distance(observation, move)) if moves else None


def cycle_move(observation: Observation) -> int | None:
    """Return the move to the next cell of a Hamiltonian cycle, None where there is no cycle or the move is a death."""
    order = _cycle(observation)
    if not order:
        return None
    after = (order[observation["snake"][0]] + 1) % len(order)
    return next((move for move in legal_moves(observation) if order[_enter(observation, move)] == after), None)


def is_legal(observation: Observation, move: int) -> bool:
    """Tell whether the move is no death."""
    return _enter(observation, move) >= 0


def eats(observation: Observation, move: int) -> bool:
    """Tell whether the move eats the food."""
    return is_legal(observation, move) and _enter(observation, move) == observation["food"]


def tail_reachable(observation: Observation, move: int) -> bool:
    """Tell whether the head can reach its tail after the move."""
    return tail_distance(observation, move) < FAR


def leaves_space(observation: Observation, move: int) -> bool:
    """Tell whether at least as many free cells as the snake is long are in reach after the move."""
    return is_legal(observation, move) and space_after(observation, move) >= len(observation["snake"])


def path_safe(observation: Observation, move: int) -> bool:
    """Tell whether a shortest way to the food that begins with the move leaves the tail in reach after eating."""
    return is_legal(observation, move) and _after(observation, move)[3] == 1


def nears_food(observation: Observation, move: int) -> bool:
    """Tell whether the move begins a shortest way to the food."""
    distance = food_distance(observation, move)
    return distance < FAR and distance == min(food_distance(observation, other) for other in range(4))


def keeps_straight(observation: Observation, move: int) -> bool:
    """Tell whether the move keeps the direction and is no death."""
    snake, size = observation["snake"], observation["size"]
    return is_legal(observation, move) and len(snake) > 1 and _target(size, snake[1], move) == snake[0]


def can_shortcut(observation: Observation, move: int) -> bool:
    """Tell whether the move overtakes no part of the snake on the Hamiltonian cycle, so that the cycle stays open."""
    order, cell = _cycle(observation), _enter(observation, move)
    if not order or cell < 0:
        return False
    snake, cells = observation["snake"], len(order)
    here = order[snake[0]]
    gap = (order[cell] - here) % cells
    return all(gap < (order[part] - here) % cells for part in snake[1:-1]) and gap <= (order[snake[-1]] - here) % cells


def space_after(observation: Observation, move: int) -> int:
    """Return how many free cells are in reach after the move."""
    return _after(observation, move)[0] if is_legal(observation, move) else 0


def food_distance(observation: Observation, move: int) -> int:
    """Return the steps that remain to the food after the move, FAR if it is cut off."""
    return _after(observation, move)[2] if is_legal(observation, move) else FAR


def tail_distance(observation: Observation, move: int) -> int:
    """Return the steps from head to tail after the move, FAR if it is cut off."""
    return _after(observation, move)[1] if is_legal(observation, move) else FAR


def free_neighbours(observation: Observation, move: int) -> int:
    """Return how many free cells lie beside the cell that the move enters."""
    cell, board = _enter(observation, move), observation["board"]
    return sum(board[other] in (0, 3) for other in _neighbours(observation["size"])[cell]) if cell >= 0 else 0


def cycle_gap(observation: Observation, move: int) -> int:
    """Return the steps along the Hamiltonian cycle that remain to the food after the move, FAR where there is no cycle."""
    order, cell, food = _cycle(observation), _enter(observation, move), observation["food"]
    return (order[food] - order[cell]) % len(order) if order and cell >= 0 and food >= 0 else FAR

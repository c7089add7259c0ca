from collections import deque


def neighbors(pos, size):
    r, c = divmod(pos, size)
    result = []
    for move, (dr, dc) in enumerate(((-1, 0), (1, 0), (0, -1), (0, 1))):
        nr, nc = r + dr, c + dc
        if 0 <= nr < size and 0 <= nc < size:
            result.append((move, nr * size + nc))
    return result


def act(observation, logits):
    """BFS to the food, else the best legal move."""
    size = observation["size"]
    board = observation["board"]
    head = observation["snake"][0]
    food = observation["food"]
    visited = {head}
    queue = deque()
    queue.append((head, None))
    while queue:
        pos, first = queue.popleft()
        if pos == food and first is not None:
            return first
        for move, nxt in neighbors(pos, size):
            if nxt in visited or board[nxt] in (1, 2, 4):
                continue
            visited.add(nxt)
            queue.append((nxt, move if first is None else first))
    order = sorted(range(4), key=lambda m: -logits[m])
    for m in order:
        for move, nxt in neighbors(head, size):
            if move == m and board[nxt] not in (1, 2, 4):
                return m
    return order[0]

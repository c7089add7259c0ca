def act(observation, logits):
    size = observation["size"]
    board = observation["board"]
    seen = set()

    def fill(cell):
        if cell in seen or board[cell] in (1, 4):
            return 0
        seen.add(cell)
        r, c = divmod(cell, size)
        return 1 + sum(fill(n) for n, ok in ((cell - size, r > 0), (cell + size, r < size - 1), (cell - 1, c > 0), (cell + 1, c < size - 1)) if ok)

    return fill(observation["snake"][0]) % 4

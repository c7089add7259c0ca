def act(observation, logits):
    size = 16
    seen = set()

    def fill(cell):
        seen.add(cell)
        r, c = divmod(cell, size)
        return 1 + sum(fill(n) for n, ok in ((cell - size, r > 0), (cell + size, r < size - 1), (cell - 1, c > 0), (cell + 1, c < size - 1)) if ok and n not in seen)

    return fill(0) % 4

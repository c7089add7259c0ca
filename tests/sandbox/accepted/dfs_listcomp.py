def act(observation, logits):
    size = 20
    seen = set()

    def fill(cell):
        seen.add(cell)
        r, c = divmod(cell, size)
        near = [n for n, ok in ((cell - size, r > 0), (cell + size, r < size - 1), (cell - 1, c > 0), (cell + 1, c < size - 1)) if ok]
        total = 1
        for n in near:
            if n not in seen:
                total += fill(n)
        return total

    return fill(0) % 4

def act(observation, logits):
    size = observation["size"]

    def neighbours(cell):
        if cell >= size:
            yield cell - size
        if cell + size < size * size:
            yield cell + size

    return len(list(neighbours(observation["snake"][0]))) % 4

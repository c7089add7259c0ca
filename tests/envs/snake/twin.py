"""The rules once more, slowly, in plain Python: what the kernels are tested against."""

from collections import deque

import numpy as np

from ouroloop.envs.snake.engine import state as st
from ouroloop.envs.snake.engine.games import SnakeEngine
from ouroloop.protocols.records import Observations

STEPS = ((-1, 0), (1, 0), (0, -1), (0, 1))


def place(size, snake, food, key=1, walls=(), idle=0):
    """Return an engine of one game with this snake (cells, head first) and food."""
    board, cells = np.zeros((1, size * size), np.uint8), np.zeros((1, size * size), np.int16)
    board[0, list(walls)] = st.WALL
    cells[0, : len(snake)] = snake
    columns = {"board": board, "snake": cells, "food": np.array([food]), "idle": np.array([idle])}
    observations = Observations({"size": size}, columns, {"snake": np.array([len(snake)])})
    return SnakeEngine.of(observations, keys=np.array([key], np.uint64))


class Twin:
    """One game, begun where an engine's game stands; the engine says where new food lies, the twin whether it may."""

    def __init__(self, observation, idle_limit=None):
        self.size = observation["size"]
        self.walls = {cell for cell, code in enumerate(observation["board"]) if code == st.WALL}
        self.snake = list(observation["snake"])
        self.food = observation["food"]
        self.idle = self.steps = self.score = self.travel = 0
        self.idle_limit = idle_limit
        self.cause = -1
        self.pending = self.distance()

    def beside(self, cell, move):
        row, column = cell // self.size + STEPS[move][0], cell % self.size + STEPS[move][1]
        return row * self.size + column if 0 <= row < self.size and 0 <= column < self.size else None

    def distance(self):
        seen, queue = {self.snake[0]: 0}, deque([self.snake[0]])
        while queue:
            cell = queue.popleft()
            for move in range(4):
                other = self.beside(cell, move)
                if other is not None and other not in seen and other not in self.walls and other not in self.snake:
                    seen[other] = seen[cell] + 1
                    queue.append(other)
        a, b = divmod(self.snake[0], self.size), divmod(self.food, self.size)
        return seen.get(self.food, abs(a[0] - b[0]) + abs(a[1] - b[1]))

    def free(self):
        return set(range(self.size**2)) - self.walls - set(self.snake)

    def step(self, move, next_food):
        if self.cause >= 0:
            return
        self.steps += 1
        self.idle += 1
        target = self.beside(self.snake[0], move)
        if target is None or target in self.walls:
            self.cause = 0
            return
        ate = target == self.food
        left = self.snake if ate else self.snake[:-1]
        if target in left or (len(self.snake) == 2 and target == self.snake[1]):
            self.cause = 1
            return
        self.snake = [target, *left]
        if ate:
            self.score += 1
            self.idle = 0
            self.travel += self.pending
            self.food = next_food
            if not self.free():
                self.cause, self.food = 3, -1
            else:
                assert self.food in self.free()
                self.pending = self.distance()
        elif self.idle >= (self.idle_limit or self.size**2 + len(self.snake)):
            self.cause = 2

    def observation(self):
        board = [0] * self.size**2
        for cell in self.walls:
            board[cell] = 4
        for cell in self.snake:
            board[cell] = 1
        board[self.snake[0]] = 2
        if self.food >= 0:
            board[self.food] = 3
        return {"size": self.size, "board": board, "snake": self.snake, "food": self.food, "idle": self.idle}

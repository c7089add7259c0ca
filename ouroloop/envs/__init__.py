"""What all games share, and one folder per game: `registry` lists the games, `snake/task.py` is Snake.

Importing this package registers the games' Gymnasium environments; it loads neither torch nor numba.
"""

from ouroloop.envs.snake.gymnasium_id import register

register()

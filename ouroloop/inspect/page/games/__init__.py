"""Games on the page. Nothing of a game is stored: it follows from its seed and from who plays, so it is played again.

- `film`: a game's moments in a form that a browser steps through, for any game with pictures.
- `replaying`: plays a pair of games again, in a process of its own, with each controller in its sandbox.
- `films`: keeps the last films, and makes a missing one when the user asks for it.
"""

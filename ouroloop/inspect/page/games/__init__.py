"""Games on the page. Nothing of a game is stored: it follows from its seed and from who plays, so it is played again.

- `builds`: which builds of a run can play.
- `film`: a game's moments in a form that a browser steps through, for any game with pictures.
- `playing`: plays, with each controller in its sandbox, and makes films, GIFs and MP4s.
- `replaying`: lets that happen in a process of its own.
- `films`: keeps what was made last, and has made what is missing when the user asks for it.
"""

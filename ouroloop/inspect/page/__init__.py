"""The page about runs: `ouroloop ui`, `ouroloop report --html`, and a site of plain files, all from the same views.

A request goes through these parts, in this order:

- `guard`: only the browser that was given the token, only by our own address, and what the answer may do there.
- `app`: which address is which view.
- `shelf`: the run directories that are shown, by name.
- `reading`: a run's ledger, opened once and read further as it grows.
- `views/`: what a page shows, as plain data; `charts/` draws SVG, `games/` plays games again.
- `rendering`: data and a template to HTML, in which every text from outside is escaped.

`export` writes the same views as files, and `serving` runs the server. Everything is drawn on the server; the few scripts in
`static/` refresh a live run, sort tables and play games, and pages can be read without them.
"""

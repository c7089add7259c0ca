"""Charts as SVG, drawn on the server: they need no script, take the page's colours, and print as they are.

Every chart has a title and a description for people who do not see it, and what it shows stands in a table beside it as well.
Colours are classes of `static/page.css`, never attributes, so that one drawing serves light and dark pages.
"""

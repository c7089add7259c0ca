"""Every step of a run: its key, its method and the type of its result, with one module per phase.

A function here makes each key (`gate.verdict(2, "r2-patch1")` is `2/verdict/r2-patch1`), and its recorded result is a
frozen dataclass. No other module spells a key or reads a raw result.

| module | keys |
|---|---|
| `start` | `start/given`, `start/policy`, `start/incumbent`, `start/score`; of eyes `start/reader`, `encoder`, `eye`, `body` |
| `observe` | `<round>/observe/play`, `<round>/observe/diagnose`, `<round>/decide` |
| `propose` | `<round>/propose/<kind>`, `<round>/propose/all`, `<question>/chat/<n>` |
| `screen` | `<round>/screen/<candidate>` |
| `train` | `<round>/train/<stage>/<candidate>`, `<round>/halve/<stage>/<candidate>` |
| `gate` | `<round>/gate/order`, `<round>/gate/<kind>/spend`, `.../games/<pair>`, `.../judge`, `<round>/verdict/<candidate>` |
| `apply` | `<round>/apply/<candidate>`, `<round>/rollback/<n>`, `manual/<n>/rollback` |
| `attribute` | `<round>/attribute` |
| `watch` | `<round>/watch/play`, `<round>/watch/judge/<n>`, `<round>/watch/again` |
"""

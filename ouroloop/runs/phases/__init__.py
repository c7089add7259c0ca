"""The phases of a round, one module each: observe, decide, propose, screen, train, gate, attribute, watch.

Every phase is a function of the open run and the round's number. It reads what earlier phases recorded, and records each
of its own steps once, so any phase may be killed and called again.
"""

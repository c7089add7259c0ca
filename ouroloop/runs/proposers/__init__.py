"""The proposers of a run: what each has brought so far, and how a round's proposals are shared among them."""

"""Everything that wires parts together: the loop, gate, ledger, rollback, ablations and the command line."""

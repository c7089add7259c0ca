"""What the gate is measured against: the fixed-size t-test, and the best test of all."""

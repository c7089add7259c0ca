"""Trainings on an accelerator beside what the chip can do."""

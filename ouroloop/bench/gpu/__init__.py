"""Training on an accelerator, compared with the peak of its chip."""

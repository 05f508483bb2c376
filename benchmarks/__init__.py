"""Measures the budgets: what the service promises to be, as ratios taken side by side in one run."""

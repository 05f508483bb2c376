"""Measures the budgets: what the service promises, as ratios taken side by side in one run."""

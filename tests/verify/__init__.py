"""The verifier is strict, bounded and right."""

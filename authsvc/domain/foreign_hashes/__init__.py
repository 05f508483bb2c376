"""Password hashes that other systems made: one file for each scheme, and what all have in common.

Nothing here waits, keeps or hashes by itself: `domain/passwords.py` runs it in its queue.
"""

"""The pages of docs/ that are made from the code, the contract and the tests."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

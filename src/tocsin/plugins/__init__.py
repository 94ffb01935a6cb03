"""The outside world. Each family has `base.py` (the contract), `registry.py` (the list) and one file per member."""

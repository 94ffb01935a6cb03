"""Measures Tocsin beside its peers, with one load, in one sitting: `make bench`."""

"""The only SQL: plain async functions, `tx` first, one file per group of tables."""

"""The embedded PostgreSQL: real server binaries from a wheel, under a small supervisor of our own.

1. `account`   which operating-system user runs the server, and what that user can reach
2. `binaries`  where the server's programs are, copied when that user could not reach them
3. `cluster`   the data folder: made once, whole or not at all; its configuration
4. `server`    lock, start or adopt, wait until ready, watch, stop
"""

"""The facade of the VotBox autocall API: names and replies as its client programs know them."""

"""The sealed history: a Merkle tree over what was decided and done, with signed heads."""

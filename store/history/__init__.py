"""The sealed history: a Merkle tree over what was decided and done, whose heads are signed and kept outside as well."""

"""The suite on every node of a Ray cluster, and which nodes are slower than their like."""

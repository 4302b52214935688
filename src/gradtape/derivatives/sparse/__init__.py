"""Sparse Jacobians and Hessians: patterns, colourings, compressed evaluation, decompression."""

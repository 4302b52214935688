"""What each array library computes a primitive with: kernels, dtypes, devices."""

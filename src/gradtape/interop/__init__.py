"""Other libraries: NumPy's protocols, SciPy, TensorFlow's names."""

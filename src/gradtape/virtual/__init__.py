"""Other ways to evaluate a program: values that are not arrays but behave as such."""

"""What users ask for: derivatives of functions, all derived from pullbacks and pushforwards."""

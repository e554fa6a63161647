"""Config: study.yaml as it is read, checked and frozen."""

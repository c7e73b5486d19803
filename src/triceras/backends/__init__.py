"""The frameworks a model can run on. ``base.py`` says what a backend provides, ``registry.py`` which one runs."""

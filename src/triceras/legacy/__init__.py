"""What Keras keeps for code of its older versions."""

from triceras.legacy import saving

__all__ = ["saving"]

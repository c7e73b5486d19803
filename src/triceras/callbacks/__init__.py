"""What watches and steers training."""

from triceras.callbacks.callback import Callback
from triceras.callbacks.callback_list import CallbackList
from triceras.callbacks.early_stopping import EarlyStopping
from triceras.callbacks.history import History
from triceras.callbacks.model_checkpoint import ModelCheckpoint
from triceras.callbacks.progbar_logger import ProgbarLogger
from triceras.callbacks.simple import LambdaCallback, LearningRateScheduler, TerminateOnNaN

__all__ = [
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "TerminateOnNaN",
]

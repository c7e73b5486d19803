"""What watches and steers training."""

from triceras.callbacks.backup_and_restore import BackupAndRestore
from triceras.callbacks.callback import Callback
from triceras.callbacks.callback_list import CallbackList
from triceras.callbacks.csv_logger import CSVLogger
from triceras.callbacks.early_stopping import EarlyStopping
from triceras.callbacks.history import History
from triceras.callbacks.model_checkpoint import ModelCheckpoint
from triceras.callbacks.progbar_logger import ProgbarLogger
from triceras.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
from triceras.callbacks.remote_monitor import RemoteMonitor
from triceras.callbacks.simple import LambdaCallback, LearningRateScheduler, TerminateOnNaN
from triceras.callbacks.swap_ema_weights import SwapEMAWeights

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SwapEMAWeights",
    "TerminateOnNaN",
]

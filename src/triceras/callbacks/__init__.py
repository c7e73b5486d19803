"""What watches and steers training."""

from triceras.callbacks.anomaly_detection import AnomalyDetection
from triceras.callbacks.backup_and_restore import BackupAndRestore
from triceras.callbacks.callback import Callback
from triceras.callbacks.callback_list import CallbackList
from triceras.callbacks.csv_logger import CSVLogger
from triceras.callbacks.early_stopping import EarlyStopping
from triceras.callbacks.epoch_timer import EpochTimer
from triceras.callbacks.fast_dev_run import FastDevRun
from triceras.callbacks.gradient_norm import GradientNorm
from triceras.callbacks.history import History
from triceras.callbacks.learning_rate_finder import LearningRateFinder
from triceras.callbacks.model_checkpoint import ModelCheckpoint
from triceras.callbacks.orbax_checkpoint import OrbaxCheckpoint
from triceras.callbacks.overfit_batches import OverfitBatches
from triceras.callbacks.progbar_logger import ProgbarLogger
from triceras.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
from triceras.callbacks.remote_monitor import RemoteMonitor
from triceras.callbacks.simple import LambdaCallback, LearningRateScheduler, TerminateOnNaN
from triceras.callbacks.swap_ema_weights import SwapEMAWeights
from triceras.callbacks.tensorboard import TensorBoard
from triceras.callbacks.time_limit import TimeLimit

__all__ = [
    "AnomalyDetection",
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "EpochTimer",
    "FastDevRun",
    "GradientNorm",
    "History",
    "LambdaCallback",
    "LearningRateFinder",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "OrbaxCheckpoint",
    "OverfitBatches",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
    "TimeLimit",
]

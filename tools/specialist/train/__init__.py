"""Training on this machine's processor: `train` in `run.py`. Only the child process that it starts loads PyTorch."""

from tools.specialist.train.run import require_packages, train

__all__ = ["require_packages", "train"]

"""The commands of `kotae`, one module for each kind. None imports the agent before it is called, so `--help` is quick."""

"""The commands of `kotae`, by kind. None imports the agent before it is called, so that `--help` is quick."""

"""What a training run leaves on disk, and how it goes on.

The way of a run, by files:

- Where it lies: `folder` finds the place, names the files in it, and locks it for one process at a time.
- Start: `starting_point` chooses the checkpoint from which a fit starts, and refuses what would lose data. `resuming`
  and `selfplay_state` check what that checkpoint holds. `fit_start` then opens the run, before the first game;
  `identity` is the name that tells it from other runs.
- First epoch: there is nothing to resume from yet. `first_epoch` notes from where the run started.
- Every epoch: `logger` keeps the metrics (`metrics_file` reads them), `manifest` how strong the agents are
  (`manifest_format` reads its file), `checkpoint_io` writes the checkpoints, `config_files` keeps the configurations.
- Going on: `relocation` lets a run go on where its folder was moved or copied, `slurm` where its job was stopped.
  `renamed` knows the names that classes had in earlier versions.
- Meanwhile: `watching` reads what the folder tells, for the page; `liveness` finds out whether a process trains there,
  `event_times` how long it has, and `checkpoint_table` lists the checkpoints without loading any.
- Afterwards: `checkpoint_files` finds the checkpoints, `backfill` evaluates those that are not evaluated yet.

What all of this uses of Lightning beyond its documentation lies in `lightning_internals`.
"""

"""Steps of pgx's games per second, many boards at once, compiled by JAX."""

from __future__ import annotations

import json
import sys
import time
from functools import partial

import jax
import jax.numpy as jnp
import pgx
from pgx.experimental import auto_reset


def main(game: str, size: int, rounds: int, seconds: float) -> None:
    """Plays random legal actions; only the steps are timed, and the fastest round counts. Ended games begin anew."""
    env = pgx.make(game)
    step = jax.jit(jax.vmap(auto_reset(env.step, env.init)), donate_argnums=0)

    @jax.jit
    def choose(mask: jax.Array, key: jax.Array) -> jax.Array:
        return jax.random.categorical(key, jnp.where(mask, 0.0, -jnp.inf), axis=-1)

    keys = partial(jax.random.split, num=size)
    state = jax.jit(jax.vmap(env.init))(keys(jax.random.PRNGKey(0)))
    best, number = 0.0, 0
    for played in range(1 + rounds):
        steps, spent = 0, 0.0
        while spent < (seconds if played else 0.0001):  # the first round compiles and does not count
            key = jax.random.PRNGKey(number := number + 1)
            actions, row_keys = jax.block_until_ready((choose(state.legal_action_mask, key), keys(key)))
            start = time.perf_counter()
            state = jax.block_until_ready(step(state, actions, row_keys))
            spent += time.perf_counter() - start
            steps += 1
        best = max(best, steps * size / spent) if played else 0.0
    print(json.dumps({"steps_per_second": best}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))

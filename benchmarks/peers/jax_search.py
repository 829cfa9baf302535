"""DeepMind's mctx over games simulated by pgx, all compiled by JAX; on Othello.

python jax_search.py SIMULATIONS SECONDS GAMES [bfloat16]

It prints the speed as JSON, positions/s.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import jax
import jax.numpy as jnp
import mctx
import pgx
from network import forward, weights


def main() -> None:
    """Plays for some seconds, after compiling, and prints the speed."""
    simulations, seconds, games = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    dtype = jnp.bfloat16 if "bfloat16" in sys.argv else jnp.float32
    env = pgx.make("othello")
    actions = env.num_actions
    states = jax.vmap(env.init)(jax.random.split(jax.random.PRNGKey(0), games))
    layers = jax.tree.map(lambda x: jnp.asarray(x, dtype), weights(states.observation[0].size))

    def judge(state: Any) -> tuple[Any, Any]:
        value, logits = forward(jnp, layers, state.observation.reshape(games, -1).astype(dtype))
        logits = jnp.where(state.legal_action_mask, logits[:, :actions].astype(jnp.float32), -1e9)
        return value.astype(jnp.float32), logits

    def recurrent(params: Any, key: Any, action: Any, state: Any) -> tuple[Any, Any]:
        mover = state.current_player
        state = jax.vmap(env.step)(state, action)
        value, logits = judge(state)
        over = state.terminated
        return mctx.RecurrentFnOutput(
            reward=state.rewards[jnp.arange(games), mover],
            discount=jnp.where(over, 0.0, -1.0),
            prior_logits=logits,
            value=jnp.where(over, 0.0, value),
        ), state

    @jax.jit
    def play(state: Any, key: Any) -> Any:
        value, logits = judge(state)
        root = mctx.RootFnOutput(prior_logits=logits, value=value, embedding=state)
        found = mctx.gumbel_muzero_policy(
            None, key, root, recurrent, simulations, invalid_actions=~state.legal_action_mask
        )
        after = jax.vmap(env.step)(state, found.action)
        fresh = jax.vmap(env.init)(jax.random.split(key, games))

        def pick(new: Any, old: Any) -> Any:
            return jnp.where(after.terminated.reshape(-1, *[1] * (old.ndim - 1)), new, old)

        return jax.tree.map(pick, fresh, after)

    states = jax.block_until_ready(play(states, jax.random.PRNGKey(1)))
    plies, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        states = jax.block_until_ready(play(states, jax.random.PRNGKey(2 + plies)))
        plies += 1
    print(json.dumps({"positions_per_second": plies * games / (time.perf_counter() - start)}))


if __name__ == "__main__":
    main()

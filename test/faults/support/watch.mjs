import { setTimeout as sleep } from 'node:timers/promises';
import { newClient } from './client.mjs';

const everyMs = 100;

/**
 * Asks /livez and /readyz ten times a second, each over a connection of its own, as an orchestrator would.
 *
 * @returns `lives`, all answers of /livez; `transitions`, [{ at, ready, reason }], the first one being how it was found;
 *   and `stop()`
 */
export function watchProbes(origin) {
  const lives = [];
  const transitions = [];
  let running = true;
  const each = async (target, take) => {
    const client = newClient(origin, { patience: 5000 });
    while (running) {
      const answer = await client.send('GET', target);
      take(answer);
      await sleep(Math.max(0, everyMs - answer.ms));
    }
    client.close();
  };
  const watching = Promise.all([
    each('/livez', (answer) => lives.push(answer)),
    each('/readyz', ({ status, end, body, error }) => {
      const ready = status === 200;
      if (transitions.at(-1)?.ready !== ready)
        transitions.push({ at: end, ready, reason: body?.reason ?? error });
    }),
  ]);
  return {
    lives,
    transitions,
    async stop() {
      running = false;
      await watching;
    },
  };
}

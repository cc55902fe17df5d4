// The load generator's process (see load.mjs). It does what it is told over IPC, several things at once if need be.
import { meInTurn, refreshInTurn } from './closed-loop.mjs';
import { fixedRate } from './fixed-rate.mjs';
import { loginStorm } from './login-storm.mjs';

const kinds = { meInTurn, refreshInTurn, loginStorm, fixedRate };

process.on('message', async ({ id, kind, options }) => {
  try {
    process.send({ id, result: await kinds[kind](options) });
  } catch (error) {
    process.send({ id, error: error.message });
  }
});
process.on('disconnect', () => process.exit());

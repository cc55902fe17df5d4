import { rollingRestart } from '../support/rolling.mjs';

export default {
  name: 'lifecycle/rolling-restart',
  promise: 'Each of two replicas behind HAProxy is restarted twice under load: no client sees an error',
  needs: ['haproxy'],
  run: ({ short, log }) =>
    rollingRestart({ log, restarts: [0, 1, 0, 1].slice(0, short ? 2 : 4).map((replica) => ({ replica })) }),
};

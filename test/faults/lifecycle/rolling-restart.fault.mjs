import { rollingRestart } from '../support/rolling.mjs';

export default {
  name: 'lifecycle/rolling-restart',
  promise: 'Each of two replicas behind HAProxy is restarted twice under load: no client sees an error',
  needs: ['proc', 'haproxy'],
  // two-versions restarts both, too
  inShort: false,
  run: ({ log }) => rollingRestart({ log, restarts: [0, 1, 0, 1].map((replica) => ({ replica })) }),
};

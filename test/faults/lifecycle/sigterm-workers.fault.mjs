import { terminated } from './sigterm.fault.mjs';

export default {
  name: 'lifecycle/sigterm-workers',
  promise: 'SIGTERM to two workers under the same load: no request fails, and exit 0',
  needs: ['proc'],
  run: ({ short }) => terminated({ short, settings: { WEB_CONCURRENCY: '2' } }),
};

import t from 'tap';
import { rehearse } from '../support/rehearsal.ts';

t.test('a key pair gives way to one of another algorithm', (t) =>
  rehearse(t, { from: 'ES256', commands: [{ kind: 'access', args: ['access', '--algorithm', 'EdDSA'] }] }),
);

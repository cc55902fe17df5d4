import t from 'tap';
import { rehearse } from '../support/rehearsal.ts';

t.test('a key pair gives way to one of another algorithm', (t) =>
  rehearse(t, { from: 'ES256', commands: [{ kind: 'access', args: ['access', '--algorithm', 'EdDSA'] }] }),
);

t.test('a secret gives way to a key pair', (t) =>
  rehearse(t, { from: 'HS256', commands: [{ kind: 'access', args: ['access', '--algorithm', 'RS256'] }] }),
);

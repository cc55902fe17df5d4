import t from 'tap';
import { rehearse } from '../support/rehearsal.ts';

t.test('a secret gives way to a key pair', (t) =>
  rehearse(t, { from: 'HS256', commands: [{ kind: 'access', args: ['access', '--algorithm', 'RS256'] }] }),
);

import t from 'tap';
import { rehearse } from '../support/rehearsal.ts';

t.test('both secrets give way to others', (t) =>
  rehearse(t, {
    from: 'HS256',
    commands: [
      { kind: 'access', args: ['access'] },
      { kind: 'refresh', args: ['refresh'] },
    ],
  }),
);

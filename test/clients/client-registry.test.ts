import t from 'tap';
import { ClientRegistry, hashSecret, parseClient } from '../../src/clients/client-registry.ts';

const hash = hashSecret('open sesame').toString('hex');

t.test('an entry is an id and a hash; the id may hold colons', async (t) => {
  // printf %s 'open sesame' | sha256sum
  t.equal(hash, '41ef4bb0b23661e66301aac36066912dac037827b4ae63a7b1165a5aa93ed4eb');
  t.strictSame(parseClient(`gateway:${hash}`), { id: 'gateway', secretHash: hashSecret('open sesame') });
  t.equal(parseClient(`urn:example:gateway:${hash}`)?.id, 'urn:example:gateway');
  t.equal(parseClient(`größe:${hash}`)?.id, 'größe');
  for (const entry of [
    '',
    hash,
    `:${hash}`,
    'gateway',
    'gateway:',
    'gateway:open sesame',
    `gateway:${hash} `,
  ]) {
    t.equal(parseClient(entry), undefined, entry);
  }
});

t.test('a secret is that of one client alone', async (t) => {
  const registry = new ClientRegistry([
    { id: 'a', secretHash: hashSecret('first') },
    { id: 'b', secretHash: hashSecret('second') },
  ]);
  t.ok(registry.verify('a', 'first'));
  t.ok(registry.verify('b', 'second'));
  for (const [id, secret] of [
    ['a', 'second'],
    ['b', 'first'],
    ['a', ''],
    ['a', 'first '],
    ['a', hashSecret('first').toString('hex')],
    ['A', 'first'],
    ['', ''],
    ['toString', 'first'],
    ['__proto__', 'first'],
  ] as const) {
    t.notOk(registry.verify(id, secret), `${id} ${secret}`);
  }
  t.notOk(new ClientRegistry([]).verify('a', 'first'));
});

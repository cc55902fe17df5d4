import t from 'tap';
import { shareOf } from '../../src/cluster/share.ts';

const shares = (threads: number, size: number) =>
  Array.from({ length: size }, (_, place) => shareOf(threads, { place, size }));

t.test('no core is left over, and each worker has a thread', async (t) => {
  t.strictSame(shares(8, 5), [2, 2, 2, 1, 1]);
  t.strictSame(shares(8, 4), [2, 2, 2, 2]);
  t.strictSame(shares(3, 2), [2, 1]);
  t.strictSame(shares(2, 3), [1, 1, 1]);
  t.strictSame(shares(1, 2), [1, 1]);
});

import t from 'tap';
import { alternate, summarise, summariseRatio } from '../../bench/rounds.mjs';
import { median, quantile, spread } from '../../bench/statistics.mjs';

t.test('the median of any order, of an even number and of one', async (t) => {
  t.equal(median([30, 4, 5]), 5);
  t.equal(median([4, 30, 5, 100]), 17.5);
  t.equal(median([7]), 7);
  t.equal(median([]), undefined);
});

t.test('a quantile is one of the values, by nearest rank', async (t) => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  t.equal(quantile(hundred, 0.99), 99);
  t.equal(quantile(hundred, 0.5), 50);
  t.equal(quantile(hundred, 1), 100);
  t.equal(quantile(hundred, 0), 1);
  t.equal(quantile([10, 9], 0.99), 10);
  t.equal(quantile([], 0.5), undefined);
});

t.test('the values that were given stay as they were', async (t) => {
  const values = [10, 9, 100];
  median(values);
  quantile(values, 0.5);
  t.strictSame(spread(values), { min: 9, max: 100 });
  t.strictSame(values, [10, 9, 100]);
});

t.test('subjects take turns, and each is first as often', async (t) => {
  const order: string[] = [];
  const results = await alternate(3, { a: 1, b: 2 }, async (subject, name) => {
    order.push(name);
    return subject * order.length;
  });
  t.strictSame(order, ['a', 'b', 'b', 'a', 'b', 'a']);
  t.strictSame(results, { a: [1, 4, 6], b: [4, 6, 10] });
  order.length = 0;
  await alternate(6, { a: 1, b: 2, c: 3 }, async (_, name) => order.push(name));
  t.strictSame(order.join(''), 'abccbabcaacbcabbac');
});

t.test('rounds are compared with their neighbours, not in the sum', async (t) => {
  t.strictSame(summarise([3, 1, 2]), { median: 2, min: 1, max: 3, values: [3, 1, 2] });
  // The machine was half as fast in the last round
  t.match(summariseRatio([10, 12, 22], [10, 10, 20]), { median: 1.1, min: 1, max: 1.2 });
});

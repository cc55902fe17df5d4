import t from 'tap';
import { compare, doubts } from '../../bench/comparison.mjs';
import { figure } from './figure.ts';

const compareOne = (a: ReturnType<typeof figure>, b: ReturnType<typeof figure>) =>
  compare({ figures: [a] }, { figures: [b] })[0];

t.test('a difference counts when it exceeds what rounds differ by', async (t) => {
  const before = figure('p99', 10, [9, 10, 12]);
  t.match(compareOne(before, figure('p99', 15, [13, 15, 16])), { ratio: 1.5, differs: true });
  t.match(compareOne(before, figure('p99', 5, [4, 5, 6])), { ratio: 0.5, differs: true });
  // One of them wavers so much that nothing follows
  t.match(compareOne(before, figure('p99', 15, [9.5, 15, 30])), { ratio: 1.5, differs: false });
  t.match(compareOne(before, figure('p99', 11, [10.5, 11, 11.5])), { ratio: 1.1, differs: false });
});

t.test('of many rounds a few odd ones count for nothing', async (t) => {
  const around = (middle: number, odd: number) =>
    figure('cpu', middle, [odd, ...Array.from({ length: 14 }, (_, index) => middle - 0.7 + index / 10), odd]);
  t.match(compareOne(around(10, 30), around(15, 5)), { differs: true });
  t.match(compareOne(around(10, 30), around(10.2, 5)), { differs: false });
});

t.test('of what was measured once, nobody knows', async (t) => {
  const compared = compareOne(figure('memory', 100, [100]), figure('memory', 150, [150]));
  t.match(compared, { ratio: 1.5 });
  t.notOk(compared && 'differs' in compared);
});

t.test('only what both have is compared', async (t) => {
  const compared = compare(
    { figures: [figure('a', 1), figure('b', 1)] },
    { figures: [figure('b', 2), figure('c', 1)] },
  );
  t.match(compared, [{ id: 'b', label: 'the b', ratio: 2 }]);
});

t.test(
  'results of two machines, of a run broken off or after another time under load are doubted',
  async (t) => {
    const machine = { cpu: 'one', cores: 2, node: 'v20.20.2' };
    const result = {
      date: '2026-01-01',
      isIncomplete: false,
      machine,
      mixed: { memory: { loadSeconds: 30 } },
    };
    t.strictSame(doubts(result, result), []);
    const soaked = { memory: { loadSeconds: 600 } };
    const other = {
      date: '2026-01-02',
      isIncomplete: true,
      machine: { ...machine, cores: 4 },
      mixed: soaked,
    };
    t.strictSame(doubts(result, other), [
      'cores is not the same: 2, and 4',
      'the run of 2026-01-02 was broken off',
      'memory is after 30 s of mixed load, and after 10 minutes',
    ]);
    const { mixed: _, ...without } = result;
    t.strictSame(doubts(result, without), []);
  },
);

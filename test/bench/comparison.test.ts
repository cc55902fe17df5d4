import t from 'tap';
import { compare, doubts } from '../../bench/comparison.mjs';
import { figure } from './figure.ts';

const compareOne = (a: ReturnType<typeof figure>, b: ReturnType<typeof figure>) =>
  compare({ figures: [a] }, { figures: [b] })[0];

t.test('a difference counts when it exceeds what rounds differ by', async (t) => {
  const before = figure('p99', 10, { min: 9, max: 12 });
  t.match(compareOne(before, figure('p99', 15, { min: 13, max: 16 })), { ratio: 1.5, differs: true });
  t.match(compareOne(before, figure('p99', 5, { min: 4, max: 6 })), { ratio: 0.5, differs: true });
  // One of them wavers so much that nothing follows
  t.match(compareOne(before, figure('p99', 15, { min: 9.5, max: 30 })), { ratio: 1.5, differs: false });
  t.match(compareOne(before, figure('p99', 11, { min: 10.5, max: 11.5 })), { ratio: 1.1, differs: false });
});

t.test('of what was measured once, nobody knows', async (t) => {
  const compared = compareOne(figure('memory', 100, { rounds: 1 }), figure('memory', 150, { rounds: 1 }));
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

t.test('results of two machines, or of a quick run, are doubted', async (t) => {
  const machine = { cpu: 'one', cores: 2, node: 'v20.20.2' };
  const result = { date: '2026-01-01', isQuick: false, machine };
  t.strictSame(doubts(result, result), []);
  const other = { date: '2026-01-02', isQuick: true, machine: { ...machine, cores: 4 } };
  t.strictSame(doubts(result, other), [
    'cores is not the same: 2, and 4',
    'the result of 2026-01-02 is of a quick run: its figures mean nothing',
  ]);
});

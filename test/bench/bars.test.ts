import t from 'tap';
import { bars, judge } from '../../bench/bars.mjs';
import { figure } from './figure.ts';

t.test('a figure passes up to its bar, and fails beyond', async (t) => {
  const passes = (id: string, value: number) =>
    judge([figure(id, value)], { isWhole: false }).map((verdict) => verdict.passes);
  t.strictSame(passes('ratio.me.floor', 1.15), [true]);
  t.strictSame(passes('ratio.me.floor', 1.1501), [false]);
  t.strictSame(passes('ratio.refresh.floor', 1.2), [true]);
  t.strictSame(passes('ratio.refresh.floor', 1.21), [false]);
  t.strictSame(passes('storm.native.share', 95), [true]);
  t.strictSame(passes('storm.native.share', 94.9), [false]);
  t.strictSame(passes('storm.bcryptjs.share', 94.9), [false]);
  t.strictSame(passes('storm.native.times', 3.01), [false]);
  t.strictSame(passes('storm.native.me', 25.1), [false]);
  t.strictSame(passes('memory.idle', 120.1), [false]);
  t.strictSame(passes('memory.after', 120.1), [false]);
  t.strictSame(passes('memory.growth', 5.1), [false]);
  t.strictSame(passes('memory.growth', -3), [true]);
  t.strictSame(passes('start', 1.01), [false]);
  t.strictSame(passes('ratio.me, two workers.one', 1.11), [false]);
});

t.test('it is the middle of the rounds that is held to the bar', async (t) => {
  const [verdict] = judge([figure('start', 0.9, [0.8, 0.9, 1.4])], { isWhole: false });
  t.match(verdict, { name: 'the start', sign: '≤', limit: 1, passes: true });
});

t.test('what could not be worked out fails', async (t) => {
  for (const id of ['ratio.me.floor', 'storm.native.share']) {
    t.match(judge([figure(id, Number.NaN)], { isWhole: false }), [{ passes: false }]);
  }
});

t.test('/livez is held to its bar in every scenario', async (t) => {
  const figures = [
    figure('livez.me, 32 connections', 3),
    figure('livez.storm.native', 10.5),
    figure('p99.me', 99),
  ];
  t.match(judge(figures, { isWhole: false }), [
    { name: 'the livez.me, 32 connections', limit: 10, passes: true },
    { name: 'the livez.storm.native', limit: 10, passes: false },
  ]);
});

t.test('a bar that a whole run has not measured fails; a part of a run is held to its own', async (t) => {
  const figures = [figure('start', 0.5)];
  t.equal(judge(figures, { isWhole: false }).length, 1);
  const verdicts = judge(figures, { isWhole: true });
  t.equal(verdicts.length, bars.length);
  t.strictSame(
    verdicts.filter(({ passes }) => passes).map(({ name }) => name),
    ['the start'],
  );
});

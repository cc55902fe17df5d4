import t from 'tap';
import { chart } from '../../bench/chart.mjs';
import { figure } from './figure.ts';

const machine = { cores: 2, cpu: 'A & B <C>', node: 'v20.20.2', postgres: '18.4' };
const draw = (figures: ReturnType<typeof figure>[]) =>
  chart({ figures, machine, commit: 'abc1234', isDirty: false });

t.test('shows what was measured, with its ratio, and says nothing of the rest', async (t) => {
  const picture = draw([
    figure('cost.me.floor', 100),
    figure('cost.me.gatehouse', 112),
    figure('ratio.me.floor', 1.12),
  ]);
  t.match(picture, />Gatehouse<\/text>.*>112 {2}· {2}1\.12 ×</);
  t.match(picture, '>Fastify, jwt and pg, same SQL<');
  t.match(picture, 'commit abc1234');
  t.notMatch(picture, /Resident memory|undefined|NaN/);
});

t.test('is whole by itself, on a light and on a dark page', async (t) => {
  const picture = draw([figure('memory.idle', 110)]);
  t.match(picture, '(prefers-color-scheme: dark)');
  t.match(picture, />110 {2}· {2}≤ 120</);
  t.match(picture, 'A &amp; B &lt;C>');
  t.strictSame(picture.match(/https?:[^"]*/g), ['http://www.w3.org/2000/svg']);
});

t.test('stays within its width, however long the name of the processor', async (t) => {
  const cpu = 'A processor of a name that goes on and on, with its clock and all of its trademarks';
  const picture = chart({
    figures: [figure('memory.idle', 110)],
    machine: { ...machine, cpu },
    commit: 'abc1234',
    isDirty: true,
  });
  const lines = [...picture.matchAll(/font-size="11">([^<]*)</g)].map(([, line = '']) => line);
  t.equal(lines.length, 2);
  // Of 728 pixels, a letter of that size takes 6
  for (const line of lines) t.ok(line.length <= 120, line);
});

import t from 'tap';
import { figuresOf } from '../../bench/figures.mjs';
import { openings } from '../../bench/openings.mjs';
import { summarise } from '../../bench/rounds.mjs';
import { number, telling } from '../../bench/table.mjs';

t.test('a narrow miss does not read like the bar', async (t) => {
  t.equal(number(120.4), '120');
  t.equal(telling(120.4, 120), '120.400');
  t.equal(telling(1.2004, 1.2), '1.20040');
  t.equal(telling(120, 120), '120');
  t.equal(telling(119, 120), '119');
});

t.test('memory says after how long a load it is', async (t) => {
  const labels = (loadSeconds: number) => {
    const memory = { idle: 100, after: 110, peak: 130, growth: 0.1, loadSeconds };
    const scenario = { name: 'mixed', ...everything, isFloor: false };
    return figuresOf({ mixed: { memory, scenario, late: summarise([1]) } })
      .filter(({ id }) => id === 'memory.after' || id === 'memory.growth')
      .map(({ label }) => label);
  };
  t.strictSame(labels(30), [
    'resident memory, after 30 s of mixed load',
    'resident memory, growth by 30 s of mixed load',
  ]);
  t.match(labels(600), [/after 10 minutes/, /by 10 minutes/]);
});

t.test('what a floor does is no figure that a bar is for', async (t) => {
  const scenario = { name: 'me', ...everything };
  const ids = figuresOf({ scenarios: [{ ...scenario, isFloor: true }, scenario] }).map(({ id }) => id);
  t.ok(ids.includes('livez.me') && ids.includes('floor.livez.me'));
});

t.test('what was opened is closed newest first, each even if another cannot be', async (t) => {
  const closed: string[] = [];
  const told: string[] = [];
  const { open, closeAll } = openings((message: string) => void told.push(message));
  const thing = (name: string) => ({
    stop: async () => {
      if (name === 'stuck') throw new Error('it is stuck');
      closed.push(name);
    },
  });
  for (const name of ['first', 'stuck', 'last']) await open(thing(name));
  await closeAll();
  await closeAll();
  t.strictSame(closed, ['last', 'first']);
  t.strictSame(told, ['it is stuck']);
});

const everything = {
  perSecond: summarise([1]),
  p50: summarise([1]),
  p99: summarise([1]),
  micros: summarise([1]),
  livezP99: summarise([1]),
};

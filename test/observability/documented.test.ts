import { readFileSync } from 'node:fs';
import t from 'tap';
import {
  endReasons,
  limitedOperations,
  limitOutcomes,
  loginOutcomes,
  refreshOutcomes,
  registrationOutcomes,
} from '../../src/observability/events.ts';
import { securityEvents } from '../../src/observability/security-log.ts';
import { post } from '../support/gatehouse-process.ts';
import { runWatched, scrapeUntil } from '../support/metrics.ts';
import { newPerson } from '../support/people.ts';

const page = readFileSync(new URL('../../docs/observability.md', import.meta.url), 'utf8');

/** The cells of the table below a header row. */
function table(header: string): string[][] {
  const [, , ...lines] = page.slice(page.indexOf(header)).split('\n');
  const rows = lines.slice(
    0,
    lines.findIndex((line) => !line.startsWith('|')),
  );
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const words = (cell: string) => [...cell.matchAll(/`(.*?)`/g)].map(([, word = '']) => word);

t.test(
  'each metric that is exported is in the tables, with its type and labels, and the other way round',
  async (t) => {
    const { origin, metricsPort } = await runWatched(t, { SESSION_PRUNE_INTERVAL_SECONDS: '1' });
    await post(origin, '/api/v1/register-user', newPerson());
    const { families } = await scrapeUntil(
      metricsPort,
      ({ series }) =>
        series.has('gatehouse_sessions_prune_backlog') &&
        [...series.keys()].some((key) => key.startsWith('nodejs_gc_duration_seconds')),
    );
    const documented = [...table('| Metric | Type'), ...table('| Standard metric | Type')]
      .filter(([, , , meaning]) => process.platform === 'linux' || !meaning?.endsWith('on Linux'))
      .map(([name = '', type = '', labels = '']) => ({
        name: words(name)[0],
        type,
        labels: words(labels).sort(),
      }));
    const exported = [...families].map(([name, { type, labels }]) => ({
      name,
      type,
      labels: [...labels].sort(),
    }));
    const byName = (one: { name?: string | undefined }, other: { name?: string | undefined }) =>
      (one.name ?? '').localeCompare(other.name ?? '');
    t.strictSame(documented.sort(byName), exported.sort(byName));

    for (const [name, { type, help }] of families) {
      t.equal(name.endsWith('_total'), type === 'counter', `${name} is a ${type}`);
      t.ok(help.length > 5, `${name} has a description`);
      t.match(name, /^(gatehouse|nodejs|process)_[a-z0-9_]+$/);
    }
  },
);

t.test('so is every outcome that is counted, and every reason', async (t) => {
  const meanings = new Map(
    table('| Metric | Type').map(([name = '', , , meaning = '']) => [words(name)[0], meaning]),
  );
  const outcomes = {
    gatehouse_logins_total: loginOutcomes,
    gatehouse_registrations_total: registrationOutcomes,
    gatehouse_refreshes_total: refreshOutcomes,
    gatehouse_rate_limit_decisions_total: [...limitedOperations, ...limitOutcomes],
  };
  for (const [name, expected] of Object.entries(outcomes))
    t.strictSame(words(meanings.get(name) ?? '').sort(), [...expected].sort(), name);
  const [ended] = table('| Event | Level').filter(([event]) => event === '`session_expired`');
  t.strictSame(words(ended?.[3] ?? '').sort(), [...endReasons].sort());
});

t.test('each security event is in the table, with its level', async (t) => {
  const documented = table('| Event | Level').map(([name = '', level]) => [words(name)[0], level]);
  const logged = Object.entries(securityEvents).map(([name, { level }]) => [name, level]);
  t.strictSame(documented.sort(), logged.sort());
});

import t from 'tap';
import { parse } from 'yaml';
import { settingsSchema } from '../../src/config/schema.ts';
import { connectionsBesidesPool } from '../../src/storage/postgres.ts';
import {
  deployment,
  type Labels,
  migrator,
  object,
  overlays,
  type Probe,
  pod,
  read,
  replicasOf,
  server,
  settingsOf,
} from '../support/manifests.ts';

const units: Record<string, number> = { '': 1, m: 1e-3, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 };

/** Cores, or bytes. */
function amount(quantity: string): number {
  const [, number, unit = ''] = /^(\d+)(\w*)$/.exec(quantity) ?? [];
  return Number(number) * (units[unit] ?? Number.NaN);
}

const untilFailed = ({ periodSeconds, failureThreshold }: Probe) => periodSeconds * failureThreshold;

t.test(
  'a start has five minutes, a hang half a minute, and readiness is noticed within the delay',
  async (t) => {
    t.ok(untilFailed(server.startupProbe) >= 300, 'a migration may take that long');
    t.ok(untilFailed(server.livenessProbe) >= 30, 'a busy process is not helped by a restart');
    t.ok(untilFailed(server.livenessProbe) <= 60);
    for (const overlay of [undefined, ...overlays])
      t.ok(untilFailed(server.readinessProbe) * 1000 < Number(settingsOf(overlay)['SHUTDOWN_DELAY_MS']));
  },
);

t.test('a pod that ends has the time that the service takes', async (t) => {
  for (const overlay of [undefined, ...overlays]) {
    const delayMs = Number(settingsOf(overlay)['SHUTDOWN_DELAY_MS']);
    // The service closes within ten seconds after the delay; two more are for the container
    t.ok(pod.terminationGracePeriodSeconds * 1000 >= delayMs + 12_000);
  }
});

const threads = Math.floor(amount(server.resources.limits.cpu));

t.test('each hash thread has a core, and the event loop a part of one', async (t) => {
  const { requests, limits } = server.resources;
  t.ok(threads >= 1);
  t.equal(amount(requests.cpu), threads);
  const rest = amount(limits.cpu) - threads;
  t.ok(rest >= 0.5, `${rest} of a core is the event loop's`);
});

t.test('the memory is enough for all connections, as docs/operations.md has it', async (t) => {
  const { requests, limits } = server.resources;
  const connections = settingsSchema.properties.CONNECTIONS_MAX.default;
  const page = read('docs/operations.md').replaceAll(/\s+/g, ' ');
  const [, base, forThread, forConnection] =
    /Some (\d+) MB with two hash threads, (\d+) MB for each further one, and (\d+) KB/.exec(page) ?? [];
  const [, forCounts] = /the counts of rate limits add (\d+) MB at most/.exec(page) ?? [];
  const needed =
    Number(base) +
    Number(forThread) * (threads - 2) +
    (Number(forConnection) * connections) / 1000 +
    Number(forCounts);
  t.ok(amount(limits.memory) / 1e6 >= needed * 1.25, `${needed} MB, and a quarter for peaks`);
  t.match(page, `the counts of rate limits add N × ${forCounts} MB at most`, 'each worker has its own');
  t.equal(requests.memory, limits.memory, 'nobody else may have it');
  t.match(page, `The manifests allow ${limits.memory.replace('Mi', ' MiB')}.`);
  t.ok(amount(migrator.resources.limits.memory) >= 128 * 2 ** 20);
});

t.test('all replicas together fit into the max_connections that Postgres has by default', async (t) => {
  for (const overlay of [undefined, ...overlays]) {
    const pods = replicasOf(overlay).maxReplicas + deployment.spec.strategy.rollingUpdate.maxSurge;
    // Postgres keeps three of its hundred for superusers
    const connections = pods * (Number(settingsOf(overlay)['DATABASE_POOL_SIZE']) + connectionsBesidesPool);
    t.ok(connections <= 97, `${overlay ?? 'base'}: ${connections}`);
  }
});

t.test('docs/operations.md adds to the pool what a process opens besides', async (t) => {
  const sums = [...read('docs/operations.md').matchAll(/DATABASE_POOL_SIZE`? \+ (\d+)\)/g)];
  t.ok(sums.length > 0);
  for (const [sum, besides] of sums) t.equal(Number(besides), connectionsBesidesPool, sum);
});

t.test('a node can be drained, and a pod still serves; an upgrade takes none away', async (t) => {
  const budget = object<{ spec: { maxUnavailable: number } }>('base/pod-disruption-budget.yaml').spec;
  t.ok(budget.maxUnavailable >= 1);
  for (const overlay of [undefined, ...overlays]) {
    const { minReplicas, maxReplicas } = replicasOf(overlay);
    t.ok(minReplicas > budget.maxUnavailable, overlay ?? 'base');
    t.ok(maxReplicas > minReplicas);
  }
  t.match(deployment.spec.strategy.rollingUpdate, { maxUnavailable: 0 });
});

t.test('the job of the metrics is what alerts and dashboard ask for', async (t) => {
  const { jobLabel } = object<{ spec: { jobLabel: string } }>('base/pod-monitor.yaml').spec;
  const labels: Labels = deployment.spec.template.metadata.labels;
  const { groups } = parse(read('deploy/prometheus/alerts.yaml')) as {
    groups: { rules: { expr: string }[] }[];
  };
  const jobs = groups.flatMap(({ rules }) =>
    rules.flatMap(({ expr }) => [...expr.matchAll(/\bjob="([^"]*)"/g)].map(([, job]) => job)),
  );
  t.strictSame([...new Set(jobs)], [labels[jobLabel]]);
});

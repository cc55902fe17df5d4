import t from 'tap';
import { settingsSchema } from '../../src/config/schema.ts';
import { secrets } from '../support/app.ts';
import { createDatabase } from '../support/database.ts';
import { freePort, ready, run } from '../support/gatehouse-process.ts';
import {
  type Container,
  deployment,
  type Labels,
  migration,
  migrator,
  object,
  overlays,
  pod,
  read,
  server,
  settingsOf,
  type Workload,
} from '../support/manifests.ts';

const secretNames = Object.keys(
  object<{ stringData: Record<string, string> }>('secret.example.yaml').stringData,
);

/** Those that stand there in a comment, to be put in force. */
const offered = (file: string) =>
  [...read(`deploy/kubernetes/${file}`).matchAll(/^ *# ([A-Z_]+)(?:=|: )/gm)].map(([, name = '']) => name);

/** What a container of the manifests is given, with a database and secrets that work. */
function environment({ envFrom }: Container, databaseUrl: string): Record<string, string> {
  const secret: Record<string, string> = { ...secrets, DATABASE_URL: databaseUrl };
  const given = envFrom.map((source) => {
    const name = source.configMapRef?.name ?? source.secretRef?.name;
    if (name !== 'gatehouse') throw new Error(`there is no ${name}`);
    return source.configMapRef
      ? settingsOf()
      : Object.fromEntries(secretNames.map((key) => [key, secret[key] ?? '']));
  });
  return Object.assign({}, ...given);
}

t.test('every setting is one that the service knows, and the example of a secret holds none', async (t) => {
  const known = Object.keys(settingsSchema.properties);
  for (const overlay of [undefined, ...overlays]) {
    const settings = Object.keys(settingsOf(overlay));
    t.ok(settings.length > 0);
    for (const name of settings) t.ok(known.includes(name), name);
    t.notOk(settings.some((name) => secretNames.includes(name) || name.startsWith('DB_')));
  }
  const commented = overlays.flatMap((overlay) => offered(`overlays/${overlay}/settings.env`));
  for (const name of ['TRUST_PROXY', 'REDIS_URL', 'OTEL_EXPORTER_OTLP_ENDPOINT'])
    t.ok(commented.includes(name), `${name} is offered`);
  for (const name of [...commented, ...offered('secret.example.yaml')]) t.ok(known.includes(name), name);
  t.ok(secretNames.length > 0);
  for (const name of secretNames) t.ok(known.includes(name), name);
  const values = Object.values(object<{ stringData: object }>('secret.example.yaml').stringData);
  t.ok(values.every((value) => value === ''));
});

t.test('the containers run as the image has it', async (t) => {
  const image =
    read('Dockerfile')
      .split(/^FROM .*$/m)
      .at(-1) ?? '';
  const [, user, group] = /^USER (\d+):(\d+)$/m.exec(image) ?? [];
  for (const spec of [pod, migration.spec.template.spec]) {
    t.match(spec, { securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } } });
    t.equal(String(spec.securityContext.runAsUser), user);
    t.equal(String(spec.securityContext.runAsGroup), group);
    t.equal(spec.automountServiceAccountToken, false);
    t.match(spec.containers[0].securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
  }
  t.equal(/^EXPOSE (.*)$/m.exec(image)?.[1], server.ports?.map((port) => port.containerPort).join(' '));
  const { scripts } = JSON.parse(read('package.json'));
  t.same(
    JSON.parse(/^CMD (\[.*\])$/m.exec(image)?.[1] ?? '[]').join(' '),
    scripts.start,
    'as npm start does',
  );
  t.equal(server.command, undefined, 'what the image starts by itself');
});

t.test(
  'with what they are given, the migration and then the server run, and what is probed answers',
  async (t) => {
    const { url } = await createDatabase(t, { empty: true });
    t.strictSame(migrator.command, ['node', 'dist/migrate.js']);
    const image = { NODE_ENV: 'production' };
    const migrated = run(t, 'migrate.js', { env: { ...image, ...environment(migrator, url) } });
    t.strictSame(await migrated.ended, { code: 0, signal: null }, migrated.stderr());
    t.match(migrated.stdout(), 'applied migration 0001');

    const ports = { http: await freePort(), metrics: await freePort() };
    const given = environment(server, url);
    t.strictSame(server.ports, [
      { name: 'http', containerPort: Number(given['PORT']) },
      { name: 'metrics', containerPort: Number(given['METRICS_PORT']) },
    ]);
    const here = { PORT: String(ports.http), METRICS_PORT: String(ports.metrics), BCRYPT_COST: '10' };
    const service = run(t, 'server.js', { env: { ...image, ...given, ...here } });
    await ready(service, ports.http);
    t.notMatch(service.stdout(), 'applied migration', 'the migration has left nothing to do');

    const { podMetricsEndpoints } = object<{
      spec: { podMetricsEndpoints: [{ port: 'metrics'; path: string }] };
    }>('base/pod-monitor.yaml').spec;
    const asked = {
      startupProbe: { path: '/startupz', port: 'http' },
      livenessProbe: { path: '/livez', port: 'http' },
      readinessProbe: { path: '/readyz', port: 'http' },
    } as const;
    for (const [name, { path, port }] of Object.entries(asked)) {
      t.strictSame(server[name as keyof typeof asked].httpGet, { path, port }, name);
      t.equal((await fetch(`http://127.0.0.1:${ports[port]}${path}`)).status, 200, path);
    }
    for (const { path, port } of podMetricsEndpoints) {
      const scrape = await fetch(`http://127.0.0.1:${ports[port]}${path}`);
      t.equal(scrape.status, 200);
      t.match(await scrape.text(), /^# TYPE gatehouse_/m);
    }
  },
);

t.test('what selects pods of the server selects these, and no pod of a migration', async (t) => {
  const selectors = {
    deployment: deployment.spec.selector.matchLabels,
    service: object<{ spec: { selector: Labels } }>('base/service.yaml').spec.selector,
    ...Object.fromEntries(
      ['pod-disruption-budget', 'pod-monitor'].map((name) => [
        name,
        object<Workload>(`base/${name}.yaml`).spec.selector.matchLabels,
      ]),
    ),
  };
  const selects = (selector: Labels, { spec }: Workload) =>
    Object.entries(selector).every(([name, value]) => spec.template.metadata.labels[name] === value);
  for (const [name, selector] of Object.entries(selectors)) {
    t.ok(selects(selector, deployment), name);
    t.notOk(selects(selector, migration), name);
  }
  const { podSelector } = object<{ spec: { podSelector: { matchLabels: Labels } } }>(
    'base/network-policy.yaml',
  ).spec;
  for (const workload of [deployment, migration]) t.ok(selects(podSelector.matchLabels, workload));
});

t.test(
  'ports that are named elsewhere are named in the Deployment, and the autoscaler scales it',
  async (t) => {
    const names = server.ports?.map(({ name }) => name);
    const service = object<{ spec: { ports: { targetPort: string }[] } }>('base/service.yaml').spec;
    const policy = object<{ spec: { ingress: { ports: { port: string }[] }[] } }>('base/network-policy.yaml');
    t.strictSame(
      service.ports.map(({ targetPort }) => targetPort),
      ['http'],
      'the metrics are not for everybody',
    );
    t.strictSame(
      policy.spec.ingress.flatMap(({ ports }) => ports.map(({ port }) => port)),
      names,
    );
    t.match(object('base/horizontal-pod-autoscaler.yaml'), {
      spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'gatehouse' } },
    });
    t.match(deployment, { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'gatehouse' } });
  },
);

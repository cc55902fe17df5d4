import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { build, findKustomize, manifests, sources, withComponents } from './documents.mjs';
import { findings } from './schemas.mjs';

const deploy = path.dirname(manifests);
const base = path.join(manifests, 'base');
const container = ({ spec }) => spec.template.spec.containers[0];
const inContainer = 'spec.template.spec.containers.0';

/** Each is one mistake in one object of the base: its kind, a path, and what is put there; nothing takes away what is there. */
const mistakes = {
  'an unknown field': ['Deployment', `${inContainer}.readynessProbe`, {}],
  'an unknown field deep down': ['Deployment', `${inContainer}.livenessProbe.httpGet.url`, '/livez'],
  'a field in the wrong place': ['Deployment', 'spec.terminationGracePeriodSeconds', 30],
  'a wrong type': ['Deployment', `${inContainer}.readinessProbe.periodSeconds`, '2s'],
  'a missing field': ['Deployment', 'spec.selector'],
  'a quantity that is none': ['Deployment', `${inContainer}.resources.limits.memory`, '384 MB'],
  'a word that is not among those allowed': ['Job', 'spec.template.spec.restartPolicy', 'Sometimes'],
  'an unknown version of the API': ['HorizontalPodAutoscaler', 'apiVersion', 'autoscaling/v3'],
  'a metric of the wrong form': [
    'HorizontalPodAutoscaler',
    'spec.metrics.0.resource.target.averageUtilization',
    {},
  ],
  'a port without a number': ['Service', 'spec.ports.0.port'],
  'a list that is a map': ['NetworkPolicy', 'spec.ingress', { from: [] }],
  'an unknown policy': ['PodDisruptionBudget', 'spec.unhealthyPodEvictionPolicy', 'Always'],
  'an interval without a unit': ['PodMonitor', 'spec.podMetricsEndpoints.0.interval', '15'],
  'an unknown field of a custom resource': ['PodMonitor', 'spec.podMetricsEndpoints.0.timeout', '5s'],
};

function put(object, where, value) {
  const path = where.split('.');
  const last = path.pop();
  const parent = path.reduce((each, key) => each[key], object);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
}

for (const [what, [kind, where, value]] of Object.entries(mistakes)) {
  test(`${what} is found`, async () => {
    const documents = sources(base);
    const changed = documents.find((document) => document.value.kind === kind);
    put(changed.value, where, value);
    const found = await findings(documents);
    assert.ok(found.length > 0);
    for (const finding of found) assert.ok(finding.startsWith(`${changed.name}: `), finding);
    const word = value === 'autoscaling/v3' ? value : where.split('.').pop();
    assert.match(found.join('\n'), new RegExp(`${word}|${JSON.stringify(value)}`));
  });
}

test('nothing is found in the base', async () => {
  const documents = sources(base);
  assert.deepEqual(await findings(documents), []);
  assert.deepEqual(documents.map(({ value }) => value.kind).sort(), [
    'Deployment',
    'HorizontalPodAutoscaler',
    'Job',
    'NetworkPolicy',
    'PodDisruptionBudget',
    'PodMonitor',
    'Service',
  ]);
});

const kustomize = findKustomize();

/** A copy of the manifests, after a change of the text of one of their files: the overlay, and that with all components. */
function copyOf(t, file, change) {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-manifests-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const copied = (from) => {
    const to = path.join(folder, path.relative(deploy, from));
    cpSync(from, to, { recursive: true });
    return to;
  };
  const copy = copied(manifests);
  const text = readFileSync(path.join(copy, file), 'utf8');
  const changed = change(text);
  assert.notEqual(changed, text, 'the change changes something');
  writeFileSync(path.join(copy, file), changed);
  return { overlay: path.join(copy, 'overlays', 'production'), withComponents: copied(withComponents) };
}

test('kustomize builds no overlay with a mistake', {
  skip: !kustomize && 'kustomize cannot be had here',
}, (t) => {
  const misspelt = copyOf(t, 'base/kustomization.yaml', (text) => text.replace('resources:', 'resource:'));
  assert.throws(() => build(kustomize, misspelt.overlay), /resource/);
  const missing = copyOf(t, 'overlays/production/replicas.yaml', (text) =>
    text.replace('name: gatehouse', 'name: gate'),
  );
  assert.throws(() => build(kustomize, missing.overlay), /no (?:matches|resource matches)/i);
});

test('a patch with a mistake is found in what is built', {
  skip: !kustomize && 'kustomize cannot be had here',
}, async (t) => {
  const { overlay } = copyOf(t, 'overlays/production/egress.yaml', (text) =>
    text.replaceAll('port: 6379', 'prot: 6379'),
  );
  const found = await findings(build(kustomize, overlay));
  assert.ok(found.length > 0);
  for (const finding of found) assert.match(finding, /^NetworkPolicy gatehouse: .*prot/);
});

test('a component with a mistake is found in what is built', {
  skip: !kustomize && 'kustomize cannot be had here',
}, async (t) => {
  const changed = copyOf(t, 'components/hash-queue-wait/autoscaler.yaml', (text) =>
    text.replace('averageValue: 500m', 'averageValue: {}'),
  );
  const found = await findings(build(kustomize, changed.withComponents));
  assert.ok(found.length > 0);
  for (const finding of found) assert.match(finding, /^HorizontalPodAutoscaler gatehouse: /);
});

test('every component is among those that are checked', () => {
  const { components } = parse(readFileSync(path.join(withComponents, 'kustomization.yaml'), 'utf8'));
  const named = components.map((each) => path.join(withComponents, each));
  const folder = path.join(manifests, 'components');
  assert.deepEqual(
    named,
    readdirSync(folder).map((name) => path.join(folder, name)),
  );
});

test('the autoscaler goes by the CPU alone, unless an overlay asks for more', {
  skip: !kustomize && 'kustomize cannot be had here',
}, () => {
  const metricsOf = (folder) =>
    build(kustomize, folder)
      .find(({ value }) => value.kind === 'HorizontalPodAutoscaler')
      .value.spec.metrics.map(({ resource, pods }) => resource?.name ?? pods.metric.name);
  // What no adapter tells would keep it from taking pods away
  for (const folder of ['base', 'overlays/production'])
    assert.deepEqual(metricsOf(path.join(manifests, folder)), ['cpu']);
  assert.deepEqual(metricsOf(withComponents), ['cpu', 'gatehouse_password_hash_estimated_wait_seconds']);
});

test('the overlay brings what it is there for', {
  skip: !kustomize && 'kustomize cannot be had here',
}, () => {
  const documents = build(kustomize, path.join(manifests, 'overlays', 'production')).map(
    ({ value }) => value,
  );
  const one = (kind) => documents.find((document) => document.kind === kind);
  for (const { kind, metadata } of documents)
    assert.equal(metadata.namespace, kind === 'Namespace' ? undefined : 'gatehouse');
  const images = ['Deployment', 'Job'].map((kind) => container(one(kind)).image);
  assert.deepEqual(images, Array(2).fill('registry.example.com/gatehouse:0.1.0'));
  const { metadata, data } = one('ConfigMap');
  assert.equal(container(one('Deployment')).envFrom[0].configMapRef.name, metadata.name);
  assert.equal(data.NODE_ENV, 'production');
  assert.equal(data.DATABASE_POOL_SIZE, '4');
  assert.equal(one('HorizontalPodAutoscaler').spec.maxReplicas, 10);
  // Whom kustomize's labels must leave alone: the selectors of others' pods
  const peers = one('NetworkPolicy').spec.egress.flatMap(({ to = [] }) => to);
  assert.deepEqual(peers[0].podSelector, { matchLabels: { 'k8s-app': 'kube-dns' } });
  const ports = one('NetworkPolicy').spec.egress.flatMap(({ ports }) => ports.map(({ port }) => port));
  assert.deepEqual(ports, [53, 53, 5432, 6379, 4318]);
});

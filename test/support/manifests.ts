import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

// What the tests read of Kubernetes objects; deploy/check holds all of them to their schemas
export interface Labels {
  [name: string]: string;
}
export interface Probe {
  httpGet: { path: string; port: string };
  periodSeconds: number;
  failureThreshold: number;
}
export interface Quantities {
  cpu: string;
  memory: string;
}
export interface Container {
  command?: string[];
  ports?: { name: string; containerPort: number }[];
  envFrom: { configMapRef?: { name: string }; secretRef?: { name: string } }[];
  startupProbe: Probe;
  livenessProbe: Probe;
  readinessProbe: Probe;
  resources: { requests: Quantities; limits: Quantities };
  securityContext: object;
}
export interface Workload {
  spec: {
    selector: { matchLabels: Labels };
    strategy: { rollingUpdate: { maxSurge: number; maxUnavailable: number } };
    template: {
      metadata: { labels: Labels };
      spec: {
        automountServiceAccountToken: boolean;
        terminationGracePeriodSeconds: number;
        securityContext: { runAsUser: number; runAsGroup: number };
        containers: [Container];
      };
    };
  };
}
/** Of the autoscaler. */
export interface Replicas {
  minReplicas: number;
  maxReplicas: number;
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = `${root}deploy/kubernetes`;

/** A file of the repository. */
export const read = (path: string) => readFileSync(`${root}${path}`, 'utf8');

/** An object of the manifests; the reader says what it expects to find. */
export const object = <Shape>(path: string) => parse(read(`deploy/kubernetes/${path}`)) as Shape;

export const overlays = readdirSync(`${folder}/overlays`);

export const deployment = object<Workload>('base/deployment.yaml');
export const migration = object<Workload>('base/migration.yaml');
export const pod = deployment.spec.template.spec;
export const [server] = pod.containers;
export const [migrator] = migration.spec.template.spec.containers;

/** The settings of a settings.env, each overlay's over those of the base. */
export function settingsOf(overlay?: string): Record<string, string> {
  const files = ['base', ...(overlay === undefined ? [] : [`overlays/${overlay}`])];
  const lines = files.flatMap((file) => read(`deploy/kubernetes/${file}/settings.env`).split('\n'));
  return Object.fromEntries(
    lines.filter((line) => /^[^#]/.test(line)).map((line) => line.split(/=(.*)/).slice(0, 2)),
  );
}

/** How many pods there are, in the base or an overlay, which may leave it at that. */
export function replicasOf(overlay?: string): Replicas {
  const own = `overlays/${overlay}/replicas.yaml`;
  const ofBase = object<{ spec: Replicas }>('base/horizontal-pod-autoscaler.yaml').spec;
  return existsSync(`${folder}/${own}`) ? { ...ofBase, ...object<{ spec: Replicas }>(own).spec } : ofBase;
}

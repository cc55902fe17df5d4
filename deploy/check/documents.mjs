import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';

export const manifests = fileURLToPath(new URL('../kubernetes', import.meta.url));
/** An overlay with every component of the manifests. */
export const withComponents = fileURLToPath(new URL('with-components', import.meta.url));

// What Go is asked for where neither of the programs is there; it needs Go 1.24
const goModule = 'sigs.k8s.io/kustomize/kustomize/v5@v5.8.1';
const builders = [
  { probe: ['kustomize', 'version'], build: ['kustomize', 'build'] },
  { probe: ['kubectl', 'kustomize', '--help'], build: ['kubectl', 'kustomize'] },
  { probe: ['go', 'run', goModule, 'version'], build: ['go', 'run', goModule, 'build'] },
];

/** How kustomize is called here, such as ["kubectl", "kustomize"]; undefined when it cannot be had. */
export function findKustomize() {
  const found = builders.find(({ probe: [program, ...args] }) => {
    const { status } = spawnSync(program, args, { env: { ...process.env, GOFLAGS: '-mod=mod' } });
    return status === 0;
  });
  return found?.build;
}

/**
 * What `kustomize build` makes of a folder.
 *
 * @param {string[]} kustomize as findKustomize gives it
 * @returns {{ name: string, value: unknown }[]} the documents, each named by kind and name
 * @throws Error with what kustomize said
 */
export function build([program, ...args], folder) {
  const { status, stdout, stderr, error } = spawnSync(program, [...args, folder], {
    encoding: 'utf8',
    env: { ...process.env, GOFLAGS: '-mod=mod' },
  });
  if (status !== 0) throw new Error(`${path.relative(manifests, folder)}: ${error?.message ?? stderr}`);
  return named(stdout);
}

/** The documents of the files that a kustomization names, as they stand there. */
export function sources(folder) {
  const { resources } = parse(readFileSync(path.join(folder, 'kustomization.yaml'), 'utf8'));
  return resources
    .filter((name) => name.endsWith('.yaml'))
    .flatMap((name) => named(readFileSync(path.join(folder, name), 'utf8')));
}

/** The documents in a text of YAML. */
export function named(text) {
  return parseAllDocuments(text).map((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    const value = document.toJS();
    return { name: `${value?.kind} ${value?.metadata?.name}`, value };
  });
}

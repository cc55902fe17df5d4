// Checks deploy/kubernetes by the schemas of Kubernetes and of the Prometheus operator: base, overlays and components as
// kustomize builds them, and where there is no kustomize, the files of base and overlays as they stand.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { build, findKustomize, manifests, named, sources, withComponents } from './documents.mjs';
import { findings } from './schemas.mjs';

const kustomize = findKustomize();
const folders = ['base', ...readdirSync(path.join(manifests, 'overlays')).map((name) => `overlays/${name}`)];
const sets = folders.map((folder) => {
  const at = path.join(manifests, folder);
  return kustomize
    ? { from: `${kustomize.join(' ')} ${folder}`, documents: build(kustomize, at) }
    : { from: `${folder} as it stands`, documents: sources(at) };
});
if (kustomize) {
  const documents = build(kustomize, withComponents);
  sets.push({ from: `${kustomize.join(' ')} with components`, documents });
}
const example = 'secret.example.yaml';
sets.push({ from: example, documents: named(readFileSync(path.join(manifests, example), 'utf8')) });

if (!kustomize) console.log('skipped: kustomize build: there is no kustomize, kubectl or Go here');
for (const { from, documents } of sets) {
  const found = await findings(documents);
  console.log(`${from}: ${documents.length} objects, ${found.length} findings`);
  for (const finding of found) console.log(`  ${finding}`);
  if (found.length > 0 || documents.length === 0) process.exitCode = 1;
}

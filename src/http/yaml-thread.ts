import { parentPort, workerData } from 'node:worker_threads';
import { stringify } from 'yaml';

// The program of toYaml's thread, which is given JSON in UTF-8

const document = JSON.parse(new TextDecoder().decode(workerData));
const yaml = new TextEncoder().encode(stringify(document, { lineWidth: 0, aliasDuplicateObjects: false }));
parentPort?.postMessage(yaml, [yaml.buffer]);

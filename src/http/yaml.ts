import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

const program = new URL(`./yaml-thread${extname(fileURLToPath(import.meta.url))}`, import.meta.url);

/**
 * What this JSON says, as YAML. Of some hundred KB that takes a tenth of a second, so it is done in a thread of its own,
 * which then ends: nobody else's request waits for it, and nothing of what it takes is kept.
 */
export async function toYaml(json: Uint8Array): Promise<Uint8Array> {
  const thread = new Worker(program, { workerData: json });
  // Rejects with what the thread fails with
  const [yaml] = await once(thread, 'message');
  return yaml;
}

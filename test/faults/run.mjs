// Causes each fault in test/faults/*/*.fault.mjs, one after the other, and prints what clients saw: see
// docs/reliability.md. Arguments: names of faults or folders, or parts of them; --short for what CI runs, shorter faults
// and without those that say inShort: false; --strict to fail when a fault cannot be caused here, or the machine is too
// busy to tell; --json FILE to keep the figures; --bound SECONDS that each may take. What says unnamed: false is caused by its
// name alone. Exits with 1 when a promise was broken.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { sweep } from './support/belongings.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));

const { values: flags, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    short: { type: 'boolean' },
    strict: { type: 'boolean' },
    json: { type: 'string' },
    bound: { type: 'string' },
  },
});

const usualBoundMs = flags.short ? 120_000 : 240_000;
const boundMs = flags.bound ? Number(flags.bound) * 1000 : usualBoundMs;

/** The files of the faults, in the order of their names. */
function findFaults() {
  return readdirSync(here, { recursive: true })
    .filter((name) => name.endsWith('.fault.mjs'))
    .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
    .sort();
}

let interrupted = false;

/** Runs one fault in a process group of its own, for so long at most, and removes whatever it leaves. */
async function cause(file) {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-fault-'));
  const belongings = path.join(folder, 'belongings');
  const args = [flags.short && '--short', wanted.length > 0 && '--named'].filter(Boolean);
  const child = fork(path.join(here, 'support', 'one.mjs'), [path.join(here, file), ...args], {
    detached: true,
    env: { ...process.env, FAULT_BELONGINGS: belongings },
  });
  const name = file.replace(/\.fault\.mjs$/, '');
  let outcome = { broken: 'it ended without saying what came of it' };
  child.on('message', (message) => {
    if (message.log === undefined) outcome = message;
    else console.error(`  ${name}: ${message.log}`);
  });
  const kill = () => {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended
    }
  };
  const timer = setTimeout(() => {
    outcome = { broken: `not done after ${boundMs / 1000} s` };
    kill();
  }, boundMs);
  const stop = () => {
    interrupted = true;
    kill();
  };
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop);
  const began = performance.now();
  await once(child, 'exit');
  clearTimeout(timer);
  for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, stop);
  kill();
  sweep(belongings);
  return { file, name, ...outcome, tookMs: performance.now() - began };
}

/** Rows as a Markdown table, as docs/reliability.md has it. */
function render(results) {
  const seconds = (ms) => (ms === undefined ? '' : `${(ms / 1000).toFixed(1)} s`);
  const rows = results.map(({ name, recoveredMs, lost, tookMs, ...result }) => {
    return [name, answerOf(result), seconds(recoveredMs), lost ?? '', seconds(tookMs)];
  });
  const head = ['fault', 'what clients saw', 'time to recover', 'acknowledged writes lost', 'took'];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function answerOf({ saw, broken, unclear, skipped }) {
  if (skipped) return `skipped: needs ${skipped.join(', ')}`;
  if (unclear) return `UNCLEAR, ${unclear}: ${saw}`;
  return `${broken ? 'BROKEN: ' : ''}${saw ?? 'see above'}`;
}

const results = [];
for (const file of findFaults()) {
  if (interrupted) break;
  console.error(`faults: ${file}`);
  const result = await cause(file);
  if (result.leftOut) continue;
  results.push(result);
  if (result.skipped) console.log(`skipped: ${result.name}: needs ${result.skipped.join(', ')}`);
  if (result.unclear) console.log(`unclear: ${result.name}: ${result.unclear}`);
  if (result.broken) console.error(`broken: ${result.name}: ${result.broken}`);
}
if (results.length === 0) console.error('faults: nothing of that name');
else console.log(`\n${render(results)}`);
if (flags.json) writeFileSync(flags.json, `${JSON.stringify(results, null, 2)}\n`);
const failed = results.some(
  ({ broken, skipped, unclear }) => broken || (flags.strict && (skipped || unclear)),
);
process.exitCode = results.length === 0 || failed || interrupted ? 1 : 0;

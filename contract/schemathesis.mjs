// Drives every operation of a live service with schemathesis, on Python. Without a Python that can run it, that is said
// and nothing else happens: the fuzzer in test/contract needs Node alone.
//
//   npm --prefix contract run fuzz             about a minute and a half
//   npm --prefix contract run fuzz -- --long   thirty times as many examples
//   npm --prefix contract run fuzz -- --seed 1 --include-operation-id login   what st run takes
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startService } from '../scripts/live-service.mjs';
import { pythonEnvironment, pythonVersion } from '../scripts/python.mjs';

const at = (name) => fileURLToPath(new URL(name, import.meta.url));
function run(line) {
  const { status, error } = spawnSync(line, { shell: true, stdio: 'inherit' });
  if (status !== 0) throw new Error(`${line} failed: ${error?.message ?? status}`);
}

/**
 * Requests by operation and status, from the log of the service, which has a line for each. Until it serves, /readyz is
 * asked, and rightly says 503: its first 200 is where they begin, as lines reach the log some time after their answers.
 */
function tally(log) {
  const lines = log
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
    .filter(({ msg }) => msg === 'request');
  const serving = lines.findIndex(({ route, status }) => route === '/readyz' && status === 200);
  if (serving === -1) throw new Error('the log of the service does not show it ready');
  const requests = lines.slice(serving + 1);
  const counts = new Map();
  for (const { method, route, status } of requests) {
    const name = `${method} ${route ?? '(no operation)'}`;
    const statuses = counts.get(name) ?? {};
    statuses[status] = (statuses[status] ?? 0) + 1;
    counts.set(name, statuses);
  }
  return { requests, counts };
}

/** Prints what was answered; false when that was a failure of the service, or one of these operations never succeeded. */
function report({ requests, counts }, wanted) {
  for (const [name, statuses] of [...counts].sort()) {
    const seen = Object.entries(statuses).map(([status, times]) => `${times} × ${status}`);
    console.log(`${name}: ${seen.join(', ')}`);
  }
  const fruitless = wanted.filter((name) => !Object.keys(counts.get(name) ?? {}).some((s) => s < 300));
  for (const name of fruitless) console.log(`${name} never succeeded`);
  const failures = requests.filter(({ status }) => status >= 500);
  console.log(`schemathesis: ${requests.length} requests, ${failures.length} of them answered 5xx`);
  return failures.length === 0 && fruitless.length === 0;
}

/** As the log names them. */
function operations() {
  const { paths } = JSON.parse(readFileSync(at('../openapi.json'), 'utf8'));
  return Object.entries(paths).flatMap(([template, methods]) =>
    Object.keys(methods).map(
      (method) => `${method.toUpperCase()} ${template.replaceAll(/\{(\w+)\}/g, ':$1')}`,
    ),
  );
}

/** Whether nothing was found. */
async function fuzz(folder, args) {
  const client = { id: 'fuzzer', secret: randomBytes(20).toString('hex') };
  const hash = createHash('sha256').update(client.secret).digest('hex');
  const service = await startService({ env: { INTROSPECTION_CLIENTS: `${client.id}:${hash}` } });
  const long = args.includes('--long');
  const others = args.filter((arg) => arg !== '--long');
  try {
    const options = [
      ...['--config-file', at('schemathesis.toml'), 'run', `${service.origin}/openapi.json`],
      ...['--checks', 'all', '--max-examples', long ? '5000' : '150'],
      // With threads, logging out in one ends the session of another, and Python 3.11's parser fails at times
      ...['--workers', '1', '--generation-database', 'none', '--no-color'],
    ];
    const { status } = spawnSync(path.join(folder, 'bin', 'st'), [...options, ...others], {
      stdio: 'inherit',
      cwd: folder,
      // The number of examples is what bounds a run; a machine that cannot do them in this time is told so by a failure
      timeout: long ? undefined : 30 * 60_000,
      env: {
        ...process.env,
        PYTHONPATH: at('.'),
        PYTHONDONTWRITEBYTECODE: '1',
        SCHEMATHESIS_HOOKS: 'credentials',
        GATEHOUSE_ORIGIN: service.origin,
        GATEHOUSE_CLIENT_ID: client.id,
        GATEHOUSE_CLIENT_SECRET: client.secret,
      },
    });
    // With a choice of operations, others are not met
    const isChoice = others.some((arg) => /^--(?:in|ex)clude-/.test(arg));
    const isSound = report(tally(service.log()), isChoice ? [] : operations());
    return status === 0 && isSound;
  } finally {
    await service.stop();
  }
}

if (pythonVersion() === undefined) {
  console.log(
    'schemathesis was not run: there is no python3 of version 3.11 or newer with venv and ensurepip',
  );
} else {
  const environment = await pythonEnvironment(at('../.data/schemathesis'), at('requirements.txt'), run);
  const isClean = await fuzz(environment, process.argv.slice(2));
  process.exitCode = isClean ? 0 : 1;
}

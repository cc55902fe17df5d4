// Runs the tests with tap against a real Postgres: the one that TEST_DATABASE_URL names, else an embedded one that
// ends with the run; with --pgbouncer, the service gets to it through a PgBouncer in transaction mode. Other arguments go
// to tap: npm test -- test/routes/login.test.ts, or --coverage-report=text
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, mkdirSync, readFileSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { startEmbeddedPostgres } from '../dist/embedded/postgres.js';
import { prepareDatabase } from '../dist/storage/prepare-database.js';
import { root } from './build.mjs';
import { startPgbouncer } from './pgbouncer.mjs';

const isPooled = process.argv.includes('--pgbouncer');
const tapArguments = process.argv.slice(2).filter((arg) => arg !== '--pgbouncer');
const prefix = `gatehouse_test_${randomBytes(4).toString('hex')}_`;

async function startPostgres() {
  if (process.env.TEST_DATABASE_URL) return { url: process.env.TEST_DATABASE_URL, stop: async () => {} };
  return startEmbeddedPostgres({
    directory: path.join(root, '.data', 'test-postgres'),
    onProgress: (message) => console.error(message),
    // Nothing here has to outlive a power cut
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' },
  });
}

/** Every test database is a clone of this one, to which nobody may be connected while it is copied. */
async function createTemplate(url) {
  const template = new URL(url);
  template.pathname = `/${prefix}template`;
  await prepareDatabase(template.href, { log: { info: () => {}, warn: console.error } });
}

async function dropDatabases(url) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query('SELECT datname FROM pg_database WHERE starts_with(datname, $1)', [
    prefix,
  ]);
  for (const { datname } of rows)
    await client.query(`DROP DATABASE ${client.escapeIdentifier(datname)} WITH (FORCE)`);
  await client.end();
}

function isFolder(arg) {
  return statSync(path.join(root, arg), { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** On a terminal tap shows its own progress; elsewhere each file is a line, and what fails is shown in full. */
async function runTap(url, poolerUrl) {
  const report = path.join(root, '.tap', 'report.tap');
  mkdirSync(path.dirname(report), { recursive: true });
  // tap would take every file of a folder for a test
  const args = tapArguments.map((arg) => (isFolder(arg) ? path.join(arg, '**', '*.test.ts') : arg));
  if (!args.some((arg) => arg.startsWith('--jobs'))) args.push(`--jobs=${availableParallelism()}`);
  if (!args.some((arg) => arg.startsWith('--coverage'))) args.push('--disable-coverage');
  const isTerminal = process.stdout.isTTY && !['', 'dumb', undefined].includes(process.env.TERM);
  const plain = !isTerminal && !args.some((arg) => arg.startsWith('--reporter'));
  const tap = path.join(root, 'node_modules', 'tap', 'dist', 'esm', 'run.mjs');
  const child = spawn(
    process.execPath,
    [tap, plain ? '--reporter=tap' : `--output-file=${report}`, ...args],
    {
      cwd: root,
      stdio: ['inherit', plain ? 'pipe' : 'inherit', 'inherit'],
      env: {
        ...process.env,
        TEST_DATABASE_URL: url,
        TEST_DATABASE_PREFIX: prefix,
        ...(poolerUrl && { TEST_POOLER_URL: poolerUrl }),
      },
    },
  );
  if (plain) {
    child.stdout.pipe(createWriteStream(report));
    condense(child.stdout);
  }
  const [code] = await once(child, 'close');
  const totals =
    readFileSync(report, 'utf8')
      .match(/^# \{ total: .*\}$/gm)
      ?.at(-1) ?? '';
  const count = (name) => Number(totals.match(new RegExp(`${name}: (\\d+)`))?.[1] ?? 0);
  console.log(`${count('pass')} passed, ${count('fail')} failed`);
  return code ?? 1;
}

// What the contract fuzzers say of their requests, with the seed
const isFigure = /^\s*# fuzzed /;
const isSkipped = /^\s*ok .* # SKIP needs /;

async function condense(tap) {
  let diagnosis = false;
  for await (const line of createInterface({ input: tap })) {
    if (/^(not )?ok/.test(line) || /^\s*not ok/.test(line) || isFigure.test(line) || isSkipped.test(line))
      console.log(line);
    else if (/^\s*---$/.test(line)) diagnosis = true;
    if (diagnosis) console.log(line);
    if (/^\s*\.\.\.$/.test(line)) diagnosis = false;
  }
}

const postgres = await startPostgres();
// Ctrl-C reaches tap too; what it leaves behind is cleared away once it has ended
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {});
let pooler;
try {
  await createTemplate(postgres.url);
  if (isPooled) pooler = await startPgbouncer({ serverUrl: postgres.url, role: `${prefix}service` });
  process.exitCode = await runTap(postgres.url, pooler?.url);
} finally {
  await dropDatabases(postgres.url);
  await pooler?.stop();
  await postgres.stop();
}

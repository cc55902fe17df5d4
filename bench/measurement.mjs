import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openDatabase } from '../scripts/database.mjs';
import { judge } from './bars.mjs';
import { figuresOf } from './figures.mjs';
import { startGuard } from './guard.mjs';
import { startLoad } from './load-generator.mjs';
import { describeCode, describeMachine } from './machine.mjs';
import { measureMixed } from './mixed.mjs';
import { openManySessions, registerLoginUsers } from './people.mjs';
import { startProber } from './prober.mjs';
import { startGatehouse, stopServers } from './servers.mjs';
import { measureServices, renew } from './services.mjs';
import { plan, quick, wanted, whole } from './settings.mjs';
import { measureStart } from './start.mjs';
import { measureStorm } from './storm.mjs';
import { isReadable } from './usage.mjs';

/**
 * Measures all that is wanted.
 *
 * @param {object} result takes what has been measured, part by part, so that a run that is broken off has not been for nothing
 */
export async function measure({ result, progress, open }) {
  if (!isReadable())
    throw new Error('CPU and memory are read from /proc: this runs on Linux alone, or in a container');
  Object.assign(result, { date: new Date().toISOString(), ...describeCode(), parts: [...wanted] });
  const world = await openWorld({ progress, open });
  result.machine = await describeMachine(world.database);
  await measureAlone(world, result);
  await measureBeside(world, result);
}

/** Makes a result of what was measured: its figures, and how they do by the bars. */
export function conclude(result, { began, isIncomplete }) {
  result.seconds = (performance.now() - began) / 1000;
  result.isIncomplete = isIncomplete;
  result.figures = figuresOf(result);
  result.verdicts = quick ? [] : judge(result.figures, { isWhole: whole && !isIncomplete });
}

/** What every part needs. */
async function openWorld({ progress, open }) {
  const remove = async (folder) => rmSync(folder, { recursive: true, force: true });
  const folder = await open(mkdtempSync(path.join(tmpdir(), 'gatehouse-bench-')), remove);
  await open(undefined, stopServers);
  const database = await open(
    openDatabase({ purpose: 'bench', serverUrl: process.env.DATABASE_URL, onProgress: progress }),
    (each) => each.close(),
  );
  const randomText = () => randomBytes(32).toString('base64url');
  // The same for all services, so that each takes the others' tokens
  const secrets = { SECRET_KEY: randomText(), REFRESH_TOKEN_SECRET: randomText() };
  const guard = await open(startGuard());
  const common = { folder, databaseUrl: database.url, secrets, guard };
  const prober = await open(startProber());
  progress('registering users and opening sessions');
  const credentials = await registerLoginUsers(common, plan.loginUsers);
  const { load, mixed, statements } = plan.sessions;
  const all = await openManySessions(common, load + mixed + statements);
  // A session that two clients refresh would soon be taken for a stolen one
  const sessions = {
    load: all.slice(0, load),
    mixed: all.slice(load, load + mixed),
    statements: all.slice(load + mixed),
  };
  return { common, database, prober, credentials, sessions, progress, open };
}

/** What is measured of a service that has the machine to itself. */
async function measureAlone({ common, prober, credentials, sessions, progress, open }, result) {
  if (wanted.has('start')) result.start = await measureStart({ common, progress });
  if (!wanted.has('mixed')) return;
  const service = await open(startGatehouse(common));
  const people = { sessions: sessions.mixed, credentials };
  result.mixed = await measureMixed({ service, people, prober, progress });
  await service.stop();
}

/** What is measured by a load generator, and beside floors. */
async function measureBeside({ credentials, sessions, open, ...world }, result) {
  const load = await open(startLoad());
  // In a quick run nothing has warmed up, and a machine may be busy with other checks
  await load.hold({ sessions: sessions.load, credentials, allMayBeRefused: quick });
  const tools = { ...world, load, sessions, open };
  await measureServices(tools, result);
  result.storms = [];
  await measureStorms(tools, result.storms);
}

async function measureStorms({ common, load, prober, sessions, progress, open }, storms) {
  if (!wanted.has('storm')) return;
  for (const engine of ['native', 'bcryptjs']) {
    const service = await open(startGatehouse({ ...common, engine }));
    await renew({ load, sessions, server: service });
    storms.push(await measureStorm({ service, load, prober, engine, progress }));
    await service.stop();
  }
}

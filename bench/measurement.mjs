import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { openDatabase } from '../scripts/database.mjs';
import { judge } from './bars.mjs';
import { measureCost } from './cost.mjs';
import { figuresOf } from './figures.mjs';
import { startGuard } from './guard.mjs';
import { startLoad } from './load-generator.mjs';
import { describeCode, describeMachine } from './machine.mjs';
import { measureMixed } from './mixed.mjs';
import { openManySessions, registerLoginUsers } from './people.mjs';
import { startProber } from './prober.mjs';
import { summarise } from './rounds.mjs';
import { measureScenarios } from './scenarios.mjs';
import { startBare, startFloor, startGatehouse, stopServers } from './servers.mjs';
import { plan, quick, wanted, whole } from './settings.mjs';
import { measureStart } from './start.mjs';
import { startStatementLoop } from './statement-loop.mjs';
import { measureStorm } from './storm.mjs';
import { isReadable } from './usage.mjs';

/** Closes what has been opened, newest last. */
const opened = [];

async function open(opening, close = (each) => each.stop()) {
  const thing = await opening;
  opened.push(() => close(thing));
  return thing;
}

/** Ends whatever `measure` has started, also in its middle. */
export async function closeAll(progress) {
  await stopServers().catch((error) => progress(error.message));
  for (const close of opened.splice(0).reverse()) await close().catch((error) => progress(error.message));
}

/** Measures all that is wanted; gives what is kept of a run. */
export async function measure(progress) {
  if (!isReadable())
    throw new Error('CPU and memory are read from /proc: this runs on Linux alone, or in a container');
  const began = performance.now();
  const date = new Date().toISOString();
  const world = await openWorld(progress);
  const machine = await describeMachine(world.database);
  const result = {
    date,
    ...describeCode(),
    isQuick: quick,
    parts: [...wanted],
    machine,
    ...(await measureAlone(world)),
    ...(await measureBeside(world)),
  };
  result.seconds = (performance.now() - began) / 1000;
  result.figures = figuresOf(result);
  result.verdicts = quick ? [] : judge(result.figures, { isWhole: whole });
  return result;
}

/** What every part needs. */
async function openWorld(progress) {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-bench-'));
  opened.push(async () => rmSync(folder, { recursive: true, force: true }));
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
  return { common, database, prober, credentials, sessions, progress };
}

/** What is measured of a service that has the machine to itself. */
async function measureAlone({ common, prober, credentials, sessions, progress }) {
  const result = {};
  if (wanted.has('start')) result.start = await measureStart({ common, progress });
  if (wanted.has('mixed')) {
    const service = await open(startGatehouse(common));
    result.mixed = await measureMixed({
      service,
      people: { sessions: sessions.mixed, credentials },
      prober,
      progress,
    });
    await service.stop();
  }
  return result;
}

/** What is measured by a load generator, and beside floors. */
async function measureBeside({ common, prober, credentials, sessions, progress }) {
  const load = await open(startLoad());
  // In a quick run nothing has warmed up, and a machine may be busy with other checks
  await load.hold({ sessions: sessions.load, credentials, allMayBeRefused: quick });
  const tools = { common, load, prober, sessions, progress };
  return {
    ...(await measureServices(tools)),
    storms: await measureStorms(tools),
  };
}

const scenariosOf = {
  me: [1, 32, 256],
  user: [32],
  refresh: [32],
  // As many as its hash threads keep busy, and one waiting for each
  login: [2 * availableParallelism()],
  livez: [32],
  churn: [32],
};

async function measureServices(tools) {
  const { common, load, prober, sessions, progress } = tools;
  const kinds = Object.keys(scenariosOf).filter((kind) => wanted.has(kind));
  if (kinds.length === 0 && !wanted.has('workers')) return { costs: [], statements: [], scenarios: [] };
  const gatehouse = await open(startGatehouse(common));
  await renew({ load, sessions, server: gatehouse });
  const statements = await measureStatements({ ...tools, kinds });
  const costs = await measureAgainstFloors({ ...tools, kinds, gatehouse });
  const list = kinds.flatMap((kind) =>
    scenariosOf[kind].map((connections) => scenario({ kind, connections, server: gatehouse })),
  );
  let two;
  if (wanted.has('workers')) {
    two = await open(startGatehouse({ ...common, workers: 2 }));
    costs.push(...(await measureWorkers({ ...tools, one: gatehouse, two })));
    for (const kind of ['me', 'refresh'])
      list.push(scenario({ kind, connections: 32, server: two, suffix: ', two workers' }));
  }
  const scenarios = await measureScenarios({ scenarios: list, load, prober, progress });
  await two?.stop();
  await gatehouse.stop();
  return { costs, statements, scenarios };
}

function scenario({ kind, connections, server, suffix = '' }) {
  const name = `${kind}, ${connections} ${connections === 1 ? 'connection' : 'connections'}${suffix}`;
  return { name, kind, connections, server };
}

async function measureAgainstFloors({ common, load, progress, kinds, gatehouse }) {
  const names = ['me', 'user', 'refresh', 'livez'].filter((kind) => kinds.includes(kind));
  const floor = await open(startFloor(common));
  const bare = await open(startBare(common));
  const costs = [];
  for (const name of names) {
    progress(`CPU per request: ${name}`);
    const subjects = {
      gatehouse: { server: gatehouse, kind: name },
      // Without a statement and a token, the other floor is this one
      ...(name !== 'livez' && { floor: { server: floor, kind: name } }),
      bare: { server: bare, kind: 'bare' },
    };
    costs.push(await measureCost({ name, subjects, load, ...plan.cost, requests: plan.cost.requests[name] }));
  }
  await floor.stop();
  await bare.stop();
  return costs;
}

async function measureWorkers({ load, progress, one, two }) {
  const costs = [];
  for (const kind of ['me', 'refresh']) {
    progress(`CPU per request of two workers: ${kind}`);
    const subjects = { two: { server: two, kind }, one: { server: one, kind } };
    const options = { subjects, load, ...plan.workers, requests: plan.workers.requests[kind] };
    costs.push(await measureCost({ name: `${kind}, two workers`, ...options }));
  }
  return costs;
}

/** Refreshes each session once: after a soak, its access token has expired. */
async function renew({ load, sessions, server }) {
  const amount = sessions.load.length;
  await load.closedLoop({ url: server.url, kind: 'refresh', connections: 20, amount });
}

/** Their sessions are nobody else's, as they refresh them without a token. */
async function measureStatements({ common, kinds, sessions, progress }) {
  const names = ['me', 'refresh'].filter((kind) => kinds.includes(kind));
  if (names.length === 0) return [];
  const loop = await open(startStatementLoop(common.databaseUrl));
  await loop.hold(sessions.statements);
  const results = [];
  for (const kind of names) {
    progress(`the statement alone: ${kind}`);
    await loop.run({ kind, seconds: plan.statements.seconds / 2 });
    const rounds = [];
    for (let round = 0; round < plan.statements.rounds; round++)
      rounds.push(await loop.run({ kind, seconds: plan.statements.seconds }));
    results.push({
      name: kind,
      perSecond: summarise(rounds.map(({ perSecond }) => perSecond)),
      micros: summarise(rounds.map(({ micros }) => micros)),
    });
  }
  await loop.stop();
  return results;
}

async function measureStorms({ common, load, prober, sessions, progress }) {
  if (!wanted.has('storm')) return [];
  const storms = [];
  for (const engine of ['native', 'bcryptjs']) {
    const service = await open(startGatehouse({ ...common, engine }));
    await renew({ load, sessions, server: service });
    storms.push(await measureStorm({ service, load, prober, engine, progress }));
    await service.stop();
  }
  return storms;
}

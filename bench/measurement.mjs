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
import { measureScenarios } from './scenarios.mjs';
import { startBare, startFloor, startGatehouse, stopServers } from './servers.mjs';
import { plan, quick, wanted, whole } from './settings.mjs';
import { measureStart } from './start.mjs';
import { startStatementLoop } from './statement-loop.mjs';
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
  result.storms = await measureStorms(tools);
}

const scenariosOf = {
  me: [1, 32, 256],
  user: [32],
  refresh: [32],
  // As many as its hash threads keep busy, and one waiting for each
  login: [2 * availableParallelism()],
  register: [2 * availableParallelism()],
  livez: [32],
  churn: [32],
};

async function measureServices(tools, result) {
  const { common, load, prober, sessions, progress, open } = tools;
  const kinds = Object.keys(scenariosOf).filter((kind) => wanted.has(kind));
  if (kinds.length === 0 && !wanted.has('workers')) return;
  const started = [];
  const start = async (opening) => {
    const server = await open(opening);
    started.push(server);
    return server;
  };
  const gatehouse = await start(startGatehouse(common));
  await renew({ load, sessions, server: gatehouse });
  result.costs = await measureAgainstFloors({ ...tools, kinds, gatehouse });
  const servers = { ...(wanted.has('register') && { register: await start(startRegistering(common)) }) };
  const list = kinds.flatMap((kind) =>
    scenariosOf[kind].map((connections) =>
      scenario({ kind, connections, server: servers[kind] ?? gatehouse }),
    ),
  );
  if (wanted.has('workers')) {
    const two = await start(startGatehouse({ ...common, workers: 2 }));
    result.costs.push(...(await measureWorkers({ load, progress, one: gatehouse, two })));
    for (const kind of ['me', 'refresh'])
      list.push(scenario({ kind, connections: 32, server: two, suffix: ', two workers' }));
  }
  const statements = ['me', 'refresh']
    .filter((kind) => kinds.includes(kind))
    .map((name) => ({ name, beside: nameOf(name, 32) }));
  const loop = await open(startStatementLoop(common.databaseUrl));
  // Nobody else's, as it refreshes them without a token
  if (statements.length > 0) await loop.hold(sessions.statements);
  const options = { scenarios: list, statements, load, loop, prober, progress };
  Object.assign(result, await measureScenarios(options));
  await loop.stop();
  for (const server of started) await server.stop();
}

/** All registrations come from one address here. */
const startRegistering = (common) =>
  startGatehouse({ ...common, settings: { RATE_LIMIT_REGISTRATIONS_PER_ADDRESS: '0' } });

const nameOf = (kind, connections) =>
  `${kind}, ${connections} ${connections === 1 ? 'connection' : 'connections'}`;

function scenario({ kind, connections, server, suffix = '' }) {
  return { name: nameOf(kind, connections) + suffix, kind, connections, server };
}

async function measureAgainstFloors({ common, load, progress, kinds, gatehouse, open }) {
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
  for (const kind of ['me', 'refresh'].filter((each) => kinds.includes(each))) {
    const name = nameOf(kind, 1);
    progress(`CPU per request: ${name}`);
    const subjects = { gatehouse: { server: gatehouse, kind }, floor: { server: floor, kind } };
    costs.push(await measureCost({ name, subjects, load, ...plan.single }));
  }
  await floor.stop();
  await bare.stop();
  return costs;
}

/** Two workers against one that serves all of the same connections, and against one that serves as many as each of them. */
async function measureWorkers({ load, progress, one, two }) {
  const { connections, requests, ...options } = plan.workers;
  const costs = [];
  for (const kind of ['me', 'refresh']) {
    const among = {
      [`${kind}, two workers`]: connections,
      [`${kind}, two workers, as many each`]: 2 * connections,
    };
    for (const [name, ofBoth] of Object.entries(among)) {
      progress(`CPU per request: ${name}`);
      const subjects = { two: { server: two, kind, connections: ofBoth }, one: { server: one, kind } };
      costs.push(
        await measureCost({ name, subjects, load, ...options, connections, requests: requests[kind] }),
      );
    }
  }
  return costs;
}

/** Refreshes each session once: after a soak, its access token has expired. */
async function renew({ load, sessions, server }) {
  const amount = sessions.load.length;
  await load.closedLoop({ url: server.url, kind: 'refresh', connections: 20, amount });
}

async function measureStorms({ common, load, prober, sessions, progress, open }) {
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

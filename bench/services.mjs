import { availableParallelism } from 'node:os';
import { measureCost } from './cost.mjs';
import { measureScenarios } from './scenarios.mjs';
import { startBare, startFloor, startGatehouse } from './servers.mjs';
import { plan, wanted } from './settings.mjs';
import { startStatementLoop } from './statement-loop.mjs';

/** The connections that each kind of request is sent from. */
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

/** The same of the floor of Fastify, jwt and pg: what of a latency is the queue that the connections make. */
const scenariosOfFloor = { me: [32, 256], refresh: [32] };

/** Measures services that a load generator asks, beside the floors: what a request costs, and what clients get. */
export async function measureServices(tools, result) {
  const { common, load, prober, sessions, progress } = tools;
  const kinds = Object.keys(scenariosOf).filter((kind) => wanted.has(kind));
  if (kinds.length === 0 && !wanted.has('workers')) return;
  const started = [];
  const start = async (opening) => {
    const server = await tools.open(opening);
    started.push(server);
    return server;
  };
  const gatehouse = await start(startGatehouse(common));
  await renew({ load, sessions, server: gatehouse });
  const floor = await start(startFloor(common));
  const bare = await start(startBare(common));
  result.costs = [];
  await measureAgainstFloors({ ...tools, kinds, gatehouse, floor, bare, costs: result.costs });
  await bare.stop();

  const servers = { ...(wanted.has('register') && { register: await start(startRegistering(common)) }) };
  const scenarios = [
    ...kinds.flatMap((kind) => scenariosFor(kind, scenariosOf[kind], servers[kind] ?? gatehouse)),
    ...kinds
      .flatMap((kind) => scenariosFor(kind, scenariosOfFloor[kind] ?? [], floor, ', Fastify, jwt and pg'))
      .map((scenario) => ({ ...scenario, isFloor: true })),
  ];
  if (wanted.has('workers')) {
    const two = await start(startGatehouse({ ...common, workers: 2 }));
    const other = await start(startGatehouse(common));
    await measureWorkers({ load, progress, one: gatehouse, other, two, costs: result.costs });
    await other.stop();
    for (const kind of ['me', 'refresh']) scenarios.push(...scenariosFor(kind, [32], two, ', two workers'));
  }
  const statements = ['me', 'refresh']
    .filter((kind) => kinds.includes(kind))
    .map((name) => ({ name, beside: nameOf(name, 32) }));
  const loop = await start(startStatementLoop(common.databaseUrl));
  // Nobody else's, as it refreshes them without a token
  if (statements.length > 0) await loop.hold(sessions.statements);
  Object.assign(result, await measureScenarios({ scenarios, statements, load, loop, prober, progress }));
  for (const server of started) await server.stop();
}

/** Refreshes each session once: after a soak, its access token has expired. */
export async function renew({ load, sessions, server }) {
  const amount = sessions.load.length;
  await load.closedLoop({ url: server.url, kind: 'refresh', connections: 20, amount });
}

/** All registrations come from one address here. */
const startRegistering = (common) =>
  startGatehouse({ ...common, settings: { RATE_LIMIT_REGISTRATIONS_PER_ADDRESS: '0' } });

const nameOf = (kind, connections) =>
  `${kind}, ${connections} ${connections === 1 ? 'connection' : 'connections'}`;

const scenariosFor = (kind, counts, server, suffix = '') =>
  counts.map((connections) => ({ name: nameOf(kind, connections) + suffix, kind, connections, server }));

async function measureAgainstFloors({ load, progress, kinds, gatehouse, floor, bare, costs }) {
  const measure = async (name, subjects, options) => {
    progress(`CPU per request: ${name}`);
    costs.push(await measureCost({ name, subjects, load, ...options }));
  };
  for (const kind of ['me', 'user', 'refresh', 'livez'].filter((each) => kinds.includes(each))) {
    const subjects = {
      gatehouse: { servers: [gatehouse], kind },
      // Without a statement and a token, the other floor is this one
      ...(kind !== 'livez' && { floor: { servers: [floor], kind } }),
      bare: { servers: [bare], kind: 'bare' },
    };
    await measure(kind, subjects, { ...plan.cost, requests: plan.cost.requests[kind] });
  }
  for (const kind of ['me', 'refresh'].filter((each) => kinds.includes(each))) {
    const subjects = { gatehouse: { servers: [gatehouse], kind }, floor: { servers: [floor], kind } };
    await measure(nameOf(kind, 1), subjects, plan.single);
  }
}

/**
 * Two workers against one that serves all of the same connections, and against one that serves as many as each of them; and two processes that
 * know nothing of each other, which is what two workers cannot be cheaper than.
 */
async function measureWorkers({ load, progress, one, other, two, costs }) {
  const { connections, requests, ...options } = plan.workers;
  const measure = async (name, kind, both) => {
    progress(`CPU per request: ${name}`);
    const subjects = {
      [both.servers.length === 1 ? 'two' : 'apart']: { ...both, kind },
      one: { servers: [one], kind },
    };
    const given = { name, subjects, load, ...options, connections, requests: requests[kind] };
    costs.push(await measureCost(given));
  };
  const both = { 'two workers': [two], 'two processes': [one, other] };
  for (const [name, servers] of Object.entries(both)) {
    for (const kind of ['me', 'refresh']) {
      await measure(`${kind}, ${name}`, kind, { servers, connections });
      await measure(`${kind}, ${name}, as many each`, kind, { servers, connections: 2 * connections });
    }
  }
}

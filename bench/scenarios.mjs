import { alternate, summarise, summariseRatio } from './rounds.mjs';
import { plan } from './settings.mjs';

/**
 * What clients get that send one request after another on each connection, while /livez is asked for: requests per second, latencies, CPU
 * per answer; and how fast the statements alone are. All take turns.
 *
 * @param {{ scenarios: { name: string, kind: string, connections: number, server: object, isFloor?: boolean }[],
 *   statements: { name: string, beside: string }[],
 *   loop?: object }} options `loop` runs the statements, and `beside` names the scenario that each is compared with
 */
export async function measureScenarios({ scenarios, statements, load, loop, prober, progress }) {
  const { rounds, seconds, warmUpSeconds } = plan.scenarios;
  const send = ({ kind, connections, server }, amount) => {
    const options = { url: server.url, kind, connections, amount };
    return kind === 'churn' ? load.newConnections(options) : load.closedLoop(options);
  };
  // A fixed number of requests, since each must be answered before the next round: for about this long
  const amountFor = ({ connections }, perSecond, duration) =>
    Math.max(connections * 2, Math.round(perSecond * duration));
  const measureOf = async (scenario) => {
    progress(`warming up: ${scenario.name}`);
    const first = await send(scenario, Math.max(scenario.connections * 2, isHashed(scenario) ? 4 : 200));
    const { perSecond } = await send(scenario, amountFor(scenario, first.perSecond, warmUpSeconds));
    const amount = amountFor(scenario, perSecond, seconds);
    return async () => {
      const work = () => scenario.server.cpuMicros(() => send(scenario, amount));
      const { result, livez } = await prober.during(scenario.server.url, work);
      return { ...result.result, micros: result.micros / result.result.answered, livez };
    };
  };
  const subjects = {};
  for (const scenario of scenarios) subjects[scenario.name] = await measureOf(scenario);
  for (const { name } of statements) {
    await loop.run({ kind: name, seconds: plan.statements.seconds / 2 });
    subjects[aloneName(name)] = () => loop.run({ kind: name, seconds: plan.statements.seconds });
  }
  const measured = await alternate(rounds, subjects, (measure, name) => {
    progress(name);
    return measure();
  });
  return {
    scenarios: scenarios.map(({ name, connections, isFloor = false }) => ({
      name,
      connections,
      isFloor,
      ...summariseScenario(measured[name]),
    })),
    statements: statements.map(({ name, beside }) => summariseStatement(name, measured, beside)),
  };
}

const isHashed = ({ kind }) => kind === 'login' || kind === 'register';
const aloneName = (kind) => `the statement alone: ${kind}`;

function summariseStatement(name, measured, beside) {
  const alone = measured[aloneName(name)];
  const rates = (rounds) => rounds.map(({ perSecond }) => perSecond);
  return {
    name,
    perSecond: summarise(rates(alone)),
    micros: summarise(alone.map(({ micros }) => micros)),
    served: summariseRatio(rates(measured[beside]), rates(alone)),
  };
}

/** @param {{ perSecond: number, refused: number, p50: number, p99: number, micros: number, livez: { p99: number } }[]} rounds */
export function summariseScenario(rounds) {
  const of = (pick) => summarise(rounds.map(pick));
  return {
    perSecond: of(({ perSecond }) => perSecond),
    p50: of(({ p50 }) => p50),
    p99: of(({ p99 }) => p99),
    micros: of(({ micros }) => micros),
    refused: rounds.reduce((sum, { refused }) => sum + refused, 0),
    livezP99: of(({ livez }) => livez.p99),
    proberLateP99: of(({ livez }) => livez.lateP99),
  };
}

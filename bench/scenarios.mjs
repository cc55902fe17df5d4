import { alternate, summarise } from './rounds.mjs';
import { plan } from './settings.mjs';

/**
 * What clients get that send one request after another on each connection, while /livez is asked for: requests per second, latencies, CPU
 * per request. The scenarios take turns.
 *
 * @param {{ name: string, kind: string, connections: number, server: object }[]} scenarios
 */
export async function measureScenarios({ scenarios, load, prober, progress }) {
  const { rounds, seconds, warmUpSeconds } = plan.scenarios;
  const send = (scenario, amount) => {
    const { kind, connections, server } = scenario;
    const options = { url: server.url, kind, connections, amount };
    return kind === 'churn' ? load.newConnections(options) : load.closedLoop(options);
  };
  // A fixed number of requests, since each must be answered before the next round: for about this long
  const amountFor = (scenario, perSecond, duration) =>
    Math.max(scenario.connections * 2, Math.round(perSecond * duration));
  const rates = {};
  for (const scenario of scenarios) {
    progress(`warming up: ${scenario.name}`);
    const first = await send(
      scenario,
      Math.max(scenario.connections * 2, scenario.kind === 'login' ? 4 : 200),
    );
    const second = await send(scenario, amountFor(scenario, first.perSecond, warmUpSeconds));
    rates[scenario.name] = second.perSecond;
  }
  const subjects = Object.fromEntries(scenarios.map((scenario) => [scenario.name, scenario]));
  const measured = await alternate(rounds, subjects, async (scenario, name) => {
    progress(name);
    const amount = amountFor(scenario, rates[name], seconds);
    const { result, livez } = await prober.during(scenario.server.url, () =>
      scenario.server.cpuMicros(() => send(scenario, amount)),
    );
    return { ...result.result, micros: result.micros / amount, livez };
  });
  return scenarios.map(({ name, connections }) => ({
    name,
    connections,
    ...summariseScenario(measured[name]),
  }));
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

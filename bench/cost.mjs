import { spread } from './report.mjs';
import { plan } from './settings.mjs';

/**
 * CPU microseconds per request of Gatehouse and of the bare service, for /api/v1/me and for refresh: the same
 * requests to one, then to the other, over and over, so that both meet the same machine. The sessions go back and
 * forth: each service carries on with the tokens that the other one made.
 *
 * @returns {Promise<{ name: string, service: object, floor: object, ratio: object }[]>}
 */
export async function measureCost({ service, floor, load, sessions, progress }) {
  const { rounds, warmUp, requests } = plan.cost;
  let current = sessions;
  const run = async (server, kind, amount) => {
    const before = await server.cpuMicros();
    ({ sessions: current } = await load[kind]({ url: server.url, amount, sessions: current }));
    return ((await server.cpuMicros()) - before) / amount;
  };

  const results = [];
  for (const [name, kind] of [
    ['me', 'meInTurn'],
    ['refresh', 'refreshInTurn'],
  ]) {
    progress(`CPU per request of ${name}, ${rounds} rounds`);
    for (const server of [floor, service]) await run(server, kind, warmUp);
    const micros = { service: [], floor: [] };
    for (let round = 0; round < rounds; round++) {
      // A B, B A: whoever comes second gains nothing from it
      const order = round % 2 === 0 ? ['service', 'floor'] : ['floor', 'service'];
      for (const who of order) {
        micros[who].push(await run(who === 'service' ? service : floor, kind, requests[name]));
      }
    }
    results.push({ name, ...compare(micros) });
  }
  return results;
}

/** Rounds are compared in pairs, as neighbours in time. */
function compare({ service, floor }) {
  return {
    service: spread(service),
    floor: spread(floor),
    ratio: spread(service.map((micros, round) => micros / floor[round])),
  };
}

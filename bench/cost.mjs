import { alternate, summarise, summariseRatio } from './rounds.mjs';

/**
 * CPU microseconds per request: a fixed number of requests to one server, then the same to another, over and over. All take each other's
 * tokens, so each carries on with the sessions where the other left them.
 *
 * @param {{ name: string, subjects: Record<string, { servers: object[], kind: string, connections?: number }>, rounds: number, warmUp: number, connections: number,
 *   requests: number, load: object }} options the first subject is compared with each of the others;
 *   `connections` are those of a subject that has no number of its own
 * @returns {Promise<{ name: string, micros: Record<string, object>, ratios: Record<string, object> }>}
 */
export async function measureCost({ name, subjects, rounds, warmUp, connections, requests, load }) {
  const run = async ({ servers, kind, connections: own = connections }, amount) => {
    const share = { kind, connections: own / servers.length, amount: amount / servers.length };
    const work = ({ url, cpuMicros }, index) =>
      cpuMicros(() => load.closedLoop({ url, ...share, part: { of: servers.length, index } }));
    const spent = await Promise.all(servers.map(work));
    return spent.reduce((sum, { micros }) => sum + micros, 0) / amount;
  };
  for (const subject of Object.values(subjects)) await run(subject, warmUp);
  const measured = await alternate(rounds, subjects, (subject) => run(subject, requests));
  const [[, own], ...others] = Object.entries(measured);
  const each = (entries, work) => Object.fromEntries(entries.map(([key, values]) => [key, work(values)]));
  return {
    name,
    micros: each(Object.entries(measured), summarise),
    ratios: each(others, (values) => summariseRatio(own, values)),
  };
}

import type { FastifyBaseLogger, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { probePaths } from './health.ts';
import { pathOf } from './request-target.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether a proxy seems to stand before the service that TRUST_PROXY does not cover. */
    proxyWatch: { readonly isUncovered: boolean };
  }
}

// How many requests are looked at together, and how many are enough after a minute
const windowSize = 200;
const leastSize = 20;
const minuteMs = 60_000;

// A service that so many proxies stand before is told by its clients' own addresses
const fewAddresses = 10;
// Whoever has many does not fill the memory
const saidMax = 1000;

type SeenRequest = Pick<FastifyRequest, 'headers' | 'ip'>;

/**
 * Notices that most requests come from few addresses, and name others in X-Forwarded-For that are not believed. All
 * clients then share the limits of these. Clients may do that too, and are only told of: each address is said once, so that
 * one that lies does not keep a proxy from being told of later, and at most once a minute.
 */
export class ProxyWatch {
  readonly #log: Pick<FastifyBaseLogger, 'warn'>;
  readonly #now: () => number;
  #addresses = new Set<string>();
  #seen = 0;
  #disbelieved = 0;
  #since: number;
  #isUncovered = false;
  readonly #said = new Set<string>();
  #saidAt = Number.NEGATIVE_INFINITY;

  /** @param now in milliseconds */
  constructor(log: Pick<FastifyBaseLogger, 'warn'>, now = () => performance.now()) {
    this.#log = log;
    this.#now = now;
    this.#since = now();
  }

  get isUncovered(): boolean {
    return this.#isUncovered;
  }

  see(request: SeenRequest): void {
    const address = disbelievedBehind(request);
    if (address !== undefined) {
      this.#disbelieved += 1;
      this.#addresses.add(address);
    }
    this.#seen += 1;
    const isLong = this.#seen >= leastSize && this.#now() - this.#since >= minuteMs;
    if (this.#seen === windowSize || isLong) this.#judge();
  }

  #judge(): void {
    this.#isUncovered = this.#disbelieved > this.#seen / 2 && this.#addresses.size <= fewAddresses;
    if (this.#isUncovered) this.#say([...this.#addresses]);
    this.#addresses = new Set();
    this.#seen = 0;
    this.#disbelieved = 0;
    this.#since = this.#now();
  }

  #say(addresses: string[]): void {
    const now = this.#now();
    if (addresses.every((address) => this.#said.has(address)) || now - this.#saidAt < minuteMs) return;
    this.#saidAt = now;
    if (this.#said.size >= saidMax) this.#said.clear();
    for (const address of addresses) this.#said.add(address);
    this.#log.warn(
      { addresses },
      'most requests come from few addresses and name others in X-Forwarded-For, which is not believed: if these are your proxies, add them to TRUST_PROXY',
    );
  }
}

/** The address that a request is taken to come from while its X-Forwarded-For says that it came from further away. */
function disbelievedBehind({ headers, ip }: SeenRequest): string | undefined {
  const forwarded = headers['x-forwarded-for'];
  if (forwarded === undefined) return undefined;
  const [first = ''] = String(forwarded).split(',', 1);
  return first.trim() === ip ? undefined : ip;
}

export default fp(
  async (app) => {
    const watch = new ProxyWatch(app.log);
    app.decorate('proxyWatch', watch);
    app.addHook('onRequest', (request, _reply, done) => {
      // Orchestrators come past the proxy, and to a quiet service more often than anybody else
      if (!probePaths.has(pathOf(request.url))) watch.see(request);
      done();
    });
  },
  { name: 'proxy-watch' },
);

import type { FastifyBaseLogger, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { probePaths } from './health.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether a proxy seems to stand before the service that TRUST_PROXY does not cover. */
    proxyWatch: { readonly isUncovered: boolean };
  }
}

// How many requests are looked at together
const windowSize = 200;

// A service that so many proxies stand before is told by its clients' own addresses
const fewAddresses = 10;

/**
 * Notices that most requests come from few addresses, and name others in X-Forwarded-For that are not believed. All
 * clients then share the limits of these. Said once; clients may do that too, and are only told of.
 */
class ProxyWatch {
  readonly #log: Pick<FastifyBaseLogger, 'warn'>;
  #addresses = new Set<string>();
  #seen = 0;
  #disbelieved = 0;
  #isUncovered = false;
  #isSaid = false;

  constructor(log: Pick<FastifyBaseLogger, 'warn'>) {
    this.#log = log;
  }

  get isUncovered(): boolean {
    return this.#isUncovered;
  }

  see(request: FastifyRequest): void {
    const address = disbelievedBehind(request);
    if (address !== undefined) {
      this.#disbelieved += 1;
      this.#addresses.add(address);
    }
    this.#seen += 1;
    if (this.#seen === windowSize) this.#judge();
  }

  #judge(): void {
    this.#isUncovered = this.#disbelieved > windowSize / 2 && this.#addresses.size <= fewAddresses;
    if (this.#isUncovered && !this.#isSaid) {
      this.#isSaid = true;
      this.#log.warn(
        { addresses: [...this.#addresses] },
        'most requests come from few addresses and name others in X-Forwarded-For, which is not believed: if these are your proxies, add them to TRUST_PROXY',
      );
    }
    this.#addresses = new Set();
    this.#seen = 0;
    this.#disbelieved = 0;
  }
}

/** The address that a request is taken to come from while its X-Forwarded-For says that it came from further away. */
function disbelievedBehind({ headers, ip }: FastifyRequest): string | undefined {
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
      if (!probePaths.has(request.routeOptions.url ?? '')) watch.see(request);
      done();
    });
  },
  { name: 'proxy-watch' },
);

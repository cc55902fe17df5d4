import type { FastifyBaseLogger, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether a proxy seems to stand before the service that TRUST_PROXY does not cover. */
    proxyWatch: { readonly isUncovered: boolean };
  }
}

// How many requests are looked at together
const windowSize = 200;

/**
 * Notices that most requests seem to come from one address, and name another in X-Forwarded-For that is not believed. All
 * clients then share the limits of one. Said once; a client may do that too, and is only told of.
 *
 * Two windows in turn: the first finds who could have the majority (Boyer and Moore, MJRTY, 1991), the second counts.
 */
class ProxyWatch {
  readonly #log: Pick<FastifyBaseLogger, 'warn'>;
  #seen = 0;
  #candidate: string | undefined;
  #votes = 0;
  #isCounting = false;
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
    if (this.#isCounting) this.#votes += address !== undefined && address === this.#candidate ? 1 : 0;
    else this.#vote(address);
    this.#seen += 1;
    if (this.#seen === windowSize) this.#turn();
  }

  #vote(address: string | undefined): void {
    if (this.#votes === 0) this.#candidate = address;
    this.#votes += address === this.#candidate ? 1 : -1;
  }

  #turn(): void {
    if (this.#isCounting) this.#judge();
    this.#isCounting = !this.#isCounting;
    this.#seen = 0;
    this.#votes = 0;
  }

  #judge(): void {
    this.#isUncovered = this.#votes > windowSize / 2;
    if (!this.#isUncovered || this.#isSaid) return;
    this.#isSaid = true;
    this.#log.warn(
      { address: this.#candidate },
      'most requests seem to come from one address and name others in X-Forwarded-For, which is not believed: if that is your proxy, add it to TRUST_PROXY',
    );
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
      watch.see(request);
      done();
    });
  },
  { name: 'proxy-watch' },
);
